use super::*;

fn shell(script: &str) -> Command {
    Command {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), script.into()],
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        directory: Some("/usr".into()),
        ..Command::default()
    }
}

fn run_it(script: &str) -> (Exit, Vec<Line>) {
    let mut lines = Vec::new();
    let exit = run(&shell(script), &Cancel::never(), &mut |line| {
        lines.push(line);
    })
    .unwrap();
    (exit, lines)
}

#[test]
fn both_outputs_are_read_to_the_end_without_blocking_each_other() {
    let (exit, lines) = run_it("seq 1 60000; seq 1 60000 >&2; printf last; exit 7");
    assert_eq!(exit.code, Some(7));
    let out = lines.iter().filter(|l| matches!(l, Line::Out(_))).count();
    assert_eq!((out, lines.len()), (60001, 120_001));
}

#[test]
fn a_line_may_be_megabytes_long_and_not_utf_8() {
    let (_, lines) = run_it("head -c 3000000 /dev/zero; printf '\\377\\n' ");
    assert!(matches!(&lines[..], [Line::Out(line)] if line.len() == 3_000_001));
}

#[test]
fn a_line_without_end_is_cut_off_and_the_next_one_is_read() {
    let endless = "head -c 100000000 /dev/zero";
    let (_, lines) = run_it(&format!(
        "{endless}; echo; echo next; {{ {endless}; echo; echo next; }} >&2"
    ));
    let lengths: Vec<(bool, usize)> = lines
        .iter()
        .map(|line| match line {
            Line::Out(line) => (true, line.len()),
            Line::Err(line) => (false, line.len()),
        })
        .collect();
    for expected in [
        (true, LONGEST_OUT + TRUNCATED.len()),
        (true, 4),
        (false, LONGEST_ERR + TRUNCATED.len()),
        (false, 4),
    ] {
        assert!(lengths.contains(&expected), "{lengths:?}");
    }
    assert_eq!(lengths.len(), 4);
    let (_, lines) = run_it(&format!(
        "head -c {LONGEST_ERR} /dev/zero >&2; echo >&2; echo x >&2"
    ));
    assert_eq!(lines.len(), 2);
    assert!(matches!(&lines[0], Line::Err(line) if line.len() == LONGEST_ERR));
}

#[test]
fn nothing_of_our_environment_reaches_the_child() {
    let (_, lines) = run_it("echo ${CARGO_MANIFEST_DIR-unset}");
    assert_eq!(lines, [Line::Out(b"unset".to_vec())]);
}

#[test]
fn the_working_directory_is_the_one_asked_for() {
    let (_, lines) = run_it("pwd");
    assert_eq!(lines, [Line::Out(b"/usr".to_vec())]);
}

#[test]
fn a_cancel_request_sends_sigterm_and_says_so() {
    let cancel = Cancel::default();
    let mut lines = Vec::new();
    let exit = run(
        &shell("echo up; exec sleep infinity"),
        &cancel,
        &mut |line| {
            cancel.request();
            lines.push(line);
        },
    )
    .unwrap();
    assert_eq!((exit.signal, exit.cancelled), (Some(15), true));
}

#[test]
fn a_process_that_ignores_sigterm_is_killed() {
    let cancel = Cancel::default();
    let grace = Duration::from_millis(300);
    let script = shell("trap '' TERM; echo up; while :; do sleep 0.1; done");
    let exit = run_with(&script, &cancel, grace, &mut |_| Ok(()), &mut |_| {
        cancel.request();
        true
    });
    let exit = exit.unwrap();
    assert_eq!((exit.signal, exit.cancelled), (Some(9), true));
}

#[test]
fn a_silent_process_can_be_stopped() {
    let mut asked = 0;
    let exit = run_while(&shell("exec sleep infinity"), &Cancel::never(), &mut |_| {
        asked += 1;
        asked < 3
    });
    let exit = exit.unwrap();
    assert_eq!((exit.signal, exit.cancelled), (Some(15), false));
}

#[test]
fn a_signal_from_elsewhere_is_not_a_cancel() {
    let (exit, _) = run_it("kill -KILL $$");
    assert_eq!((exit.signal, exit.cancelled), (Some(9), false));
}

#[test]
fn a_missing_program_is_an_error_that_names_it() {
    let command = Command {
        program: "/nonexistent/restic".into(),
        ..Command::default()
    };
    let error = run(&command, &Cancel::never(), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "cannot start /nonexistent/restic");
}

#[test]
fn a_process_that_cannot_be_noted_is_killed() {
    let mut pid = 0;
    let mut started = |id| {
        pid = id;
        anyhow::bail!("no space left")
    };
    let script = shell("exec tail -f /dev/null");
    let error = run_noted(&script, &Cancel::never(), &mut started, &mut |_| true).unwrap_err();
    assert_eq!(error.to_string(), "no space left");
    let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    assert!(rustix::process::test_kill_process(process).is_err());
}

#[test]
fn pieces_are_passed_on_byte_for_byte() {
    let command = Command {
        output: Output::Pieces,
        ..shell("printf 'a\\n\\000\\377'; head -c 200000 /dev/zero; printf '\\nb'")
    };
    let mut all = Vec::new();
    run(&command, &Cancel::never(), &mut |line| match line {
        Line::Out(piece) => {
            assert!(piece.len() <= PIECE);
            all.extend(piece);
        }
        Line::Err(line) => panic!("{line:?}"),
    })
    .unwrap();
    assert_eq!(all.len(), 200_006);
    assert!(all.starts_with(b"a\n\0\xff\0") && all.ends_with(b"\0\nb"));
}

#[test]
fn a_slow_reader_gets_everything_from_a_program_that_has_ended() {
    let mut lines = 0;
    run(&shell("seq 1 10"), &Cancel::never(), &mut |_| {
        lines += 1;
        match lines {
            // By the end of it, the program has ended.
            2 => thread::sleep(TICK),
            // What is tested: longer than output is waited for.
            3 => thread::sleep(LINGER + TICK),
            _ => {}
        }
    })
    .unwrap();
    assert_eq!(lines, 10);
}
