//! The only place that starts processes.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};

use crate::cancel::Cancel;

/// How often a waiting loop looks at [`Cancel`].
pub const TICK: Duration = Duration::from_millis(100);

/// How long output is read on after the end: a grandchild (ssh) may hold the pipe.
const LINGER: Duration = Duration::from_secs(5);

/// What ignores a request to end is killed after this time: long enough to remove a lock
/// from a slow repository.
const GRACE: Duration = Duration::from_secs(30);

/// A program to run, with nothing inherited from our own environment.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Absolute path.
    pub program: PathBuf,
    /// Arguments, each passed as it is.
    pub arguments: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(String, OsString)>,
    /// The working directory, unless it is ours.
    pub directory: Option<PathBuf>,
}

/// A line of output without its newline; need not be UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// From standard output.
    Out(Vec<u8>),
    /// From standard error.
    Err(Vec<u8>),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// We sent SIGTERM because of [`Cancel`].
    pub cancelled: bool,
}

/// Runs a program to its end and hands over each line as it comes. On a cancel
/// request it is sent SIGTERM once, and SIGKILL if it does not end for half a minute.
///
/// # Errors
/// If it cannot be started or waited for. A failing program is not an error here.
pub fn run(command: &Command, cancel: &Cancel, on_line: &mut dyn FnMut(Line)) -> Result<Exit> {
    run_while(command, cancel, &mut |line| {
        if let Some(line) = line {
            on_line(line);
        }
        true
    })
}

/// Like [`run`], and `goes_on` is also asked a few times a second, without a line. Once it
/// says no, the program is ended as for a cancel request, which it then was not.
///
/// # Errors
/// See [`run`].
pub fn run_while(
    command: &Command,
    cancel: &Cancel,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    run_with(command, cancel, GRACE, goes_on)
}

fn run_with(
    command: &Command,
    cancel: &Cancel,
    grace: Duration,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    let mut process = std::process::Command::new(&command.program);
    if let Some(directory) = &command.directory {
        process.current_dir(directory);
    }
    let mut child = process
        .args(&command.arguments)
        .env_clear()
        .envs(command.environment.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.program.display()))?;
    // A bounded queue: a chatty program waits for us instead of filling the memory.
    let (sender, lines) = sync_channel(256);
    let out = child.stdout.take();
    let err = child.stderr.take();
    read_lines(out, Line::Out, sender.clone());
    read_lines(err, Line::Err, sender);
    follow(&mut child, &lines, cancel, grace, goes_on)
}

fn follow(
    child: &mut Child,
    lines: &Receiver<Line>,
    cancel: &Cancel,
    grace: Duration,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    let mut cancelled = false;
    let mut enough = false;
    let mut asked: Option<Instant> = None;
    let mut killed = false;
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        match asked {
            _ if ended.is_some() || killed => {}
            None if enough || cancel.requested() => {
                cancelled = !enough;
                asked = Some(Instant::now());
                send(child, Signal::TERM);
            }
            Some(since) if since.elapsed() > grace => {
                log::warn!("process {} ignores SIGTERM and is killed", child.id());
                killed = true;
                send(child, Signal::KILL);
            }
            _ => {}
        }
        let line = match lines.recv_timeout(TICK) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) if ended.is_some() => break,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(TICK / 10);
                None
            }
        };
        enough |= !goes_on(line);
        match ended {
            Some((_, since)) if since.elapsed() > LINGER => break,
            Some(_) => {}
            None => {
                let status = child.try_wait().context("cannot wait for a child")?;
                ended = status.map(|status| (status, Instant::now()));
            }
        }
    }
    let status = match ended {
        Some((status, _)) => status,
        None => child.wait().context("cannot wait for a child")?,
    };
    Ok(Exit {
        code: status.code(),
        signal: status.signal(),
        cancelled,
    })
}

/// The child has not been waited for, so its id cannot belong to another process.
fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, signal)
    {
        log::warn!("cannot send {signal:?} to process {}: {error}", child.id());
    }
}

fn read_lines(
    pipe: Option<impl Read + Send + 'static>,
    tag: fn(Vec<u8>) -> Line,
    sender: SyncSender<Line>,
) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            if sender.send(tag(line)).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        Command {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            directory: Some("/usr".into()),
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
        let exit = run(&shell("echo up; exec sleep 60"), &cancel, &mut |line| {
            cancel.request();
            lines.push(line);
        })
        .unwrap();
        assert_eq!((exit.signal, exit.cancelled), (Some(15), true));
    }

    #[test]
    fn what_ignores_sigterm_is_killed_in_the_end() {
        let cancel = Cancel::default();
        let grace = Duration::from_millis(300);
        let script = shell("trap '' TERM; echo up; while :; do sleep 0.1; done");
        let exit = run_with(&script, &cancel, grace, &mut |_| {
            cancel.request();
            true
        });
        let exit = exit.unwrap();
        assert_eq!((exit.signal, exit.cancelled), (Some(9), true));
    }

    #[test]
    fn who_runs_it_may_have_had_enough_even_if_it_says_nothing() {
        let since = Instant::now();
        let patience = Duration::from_millis(300);
        let exit = run_while(&shell("exec sleep 60"), &Cancel::never(), &mut |_| {
            since.elapsed() < patience
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
}
