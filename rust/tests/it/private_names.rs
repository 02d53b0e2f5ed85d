//! What a provider says may name private files: it goes to the journal only.

use std::cell::RefCell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};

use crate::common::Machine;
use crate::common::real::{Program, machine};
use backupservice::base::outcome::Outcome;
use backupservice::run::restore::request::Request;

with_each_provider! {
    unreadable_files_are_counted_and_not_named
    nothing_that_a_program_says_is_public
}

/// In names of files and in what programs say.
const PRIVATE: &str = "letter-to-mallory";

fn unreadable_files_are_counted_and_not_named(program: Program) {
    let Some(mut machine) = machine(program) else {
        return;
    };
    let hostile = format!("{PRIVATE}\n\u{1b}[2J\"}},{{\"message\":\"");
    for name in [PRIVATE, &hostile] {
        let file = machine.source().join(name);
        fs::write(&file, "x").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    }
    // What root is allowed comes from capabilities.
    let real = machine.plan["provider"]["program"].clone();
    let real = real.as_str().unwrap();
    if rustix::process::geteuid().is_root() {
        for name in [PRIVATE, &hostile] {
            std::os::unix::fs::chown(machine.source().join(name), Some(4711), None).unwrap();
        }
        let script = format!("exec setpriv --bounding-set=-all --inh-caps=-all {real} \"$@\"\n");
        pretend(&mut machine, &script);
    }
    let said = journal_of(|| {
        let record = machine.back_up_for_real().record;
        assert_eq!(record.outcome, Outcome::Incomplete, "{record}");
        let problem = record.error.unwrap().to_string();
        assert!(problem.contains("2 files"), "{problem}");
        assert!(problem.contains("backupservice logs app"), "{problem}");
    });
    let last = said.last().unwrap();
    assert!(last.contains(PRIVATE), "{said:#?}");
    assert_private(&machine);
}

fn nothing_that_a_program_says_is_public(program: Program) {
    let lines = match program {
        Program::Restic => [
            r#"{"message_type":"exit_error","code":1,"message":"Fatal: NAME"}"#,
            r#"{"message_type":"error","error":{"message":"open /x/NAME: no"},"item":"/x/NAME"}"#,
            "Fatal: /x/NAME: repository is already locked by NAME",
        ],
        Program::Borg => [
            r#"{"type":"log_message","levelname":"ERROR","message":"NAME","msgid":"x"}"#,
            r#"{"type":"log_message","levelname":"WARNING","message":"/x/NAME: no","msgid":"BackupError"}"#,
            "Traceback: NAME",
        ],
    };
    for line in lines {
        for code in [0, 1, 2, 3, 10, 11, 12, 15, 73, 100, 105, 130] {
            let mut machine = Machine::new();
            machine.plan["provider"]["type"] = match program {
                Program::Restic => "restic".into(),
                Program::Borg => "borg".into(),
            };
            let line = line.replace("NAME", PRIVATE);
            // A listing that cannot be parsed says what is wrong with it.
            let script =
                format!("echo '[\"{PRIVATE}\"]'\ncat >&2 <<'END'\n{line}\nEND\nexit {code}\n");
            pretend(&mut machine, &script);
            let said = journal_of(|| {
                let record = machine.back_up_for_real().record;
                assert_ne!(record.outcome, Outcome::Success, "{record}");
                machine.maintain_for_real();
                let restored = machine.restore_for_real(&Request::whole("latest"));
                assert_ne!(restored.outcome, Outcome::Success, "{restored}");
            });
            let told = said.iter().any(|message| message.contains(PRIVATE));
            assert!(told, "{line}, {code}: {said:#?}");
            assert_private(&machine);
        }
    }
}

/// Takes the place of the provider's program.
fn pretend(machine: &mut Machine, script: &str) {
    let path = machine.path("pretended");
    fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    machine.plan["provider"]["program"] = path.to_str().unwrap().into();
}

/// No file of ours that others may read has such a name in it.
fn assert_private(machine: &Machine) {
    let mut read = 0;
    for place in ["var/lib/backupservice", "run/backupservice"] {
        read += look_into(&machine.path(place));
    }
    assert!(read > 2, "something was looked at");
}

fn look_into(place: &Path) -> usize {
    let mut read = 0;
    for entry in fs::read_dir(place).unwrap() {
        let path = entry.unwrap().path();
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            read += look_into(&path);
        } else if metadata.permissions().mode() & 0o044 != 0 {
            let content = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!content.contains(PRIVATE), "{}: {content}", path.display());
            read += 1;
        }
    }
    read
}

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What `work` sends to the journal, in messages and fields.
fn journal_of(work: impl FnOnce()) -> Vec<String> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        log::set_logger(&Captured).unwrap();
        log::set_max_level(LevelFilter::Info);
    });
    SAID.take();
    work();
    SAID.take()
}

struct Captured;

impl Log for Captured {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        SAID.with_borrow_mut(|said| said.push(record.args().to_string()));
    }

    fn flush(&self) {}
}
