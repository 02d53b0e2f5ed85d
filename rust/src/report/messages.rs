//! The messages of the journal: one table, from which the catalog for `journalctl -x` and
//! `docs/reference/journal.md` are made.
//!
//! Tests compare the files with it; `UPDATE_EXPECT=1 cargo test messages` writes them.

use std::fmt::Write;

/// A kind of message: its `MESSAGE_ID` never changes, and is never used for anything else.
#[derive(Debug, PartialEq, Eq)]
pub struct JournalMessage {
    /// The `MESSAGE_ID`.
    pub id: &'static str,
    /// What it is, in a line; `@FIELD@` stands for a field.
    pub subject: &'static str,
    /// What it means and what can be done.
    pub explanation: &'static str,
}

/// A phase begins.
pub const PHASE: JournalMessage = JournalMessage {
    id: "2c459f4b5dcb42cd9b17b11e63069d10",
    subject: "The run for @BACKUP_INSTANCE@ comes to the phase @BACKUP_PHASE@",
    explanation: "A step of a backup, restore or maintenance begins. How long each took:\n\n  backupservice status @BACKUP_INSTANCE@",
};
/// Words of the provider.
pub const NOTE: JournalMessage = JournalMessage {
    id: "aa3f2192550844cc8828434097280ad1",
    subject: "A note on @BACKUP_INSTANCE@",
    explanation: "Words of the provider (@BACKUP_PROVIDER@), or of the executor about what it does. They change\nnothing by themselves.",
};
/// Something went wrong on the way.
pub const PROBLEM: JournalMessage = JournalMessage {
    id: "359bd17959c246bc971aeebab9cade62",
    subject: "Something went wrong on the way of @BACKUP_INSTANCE@",
    explanation: "@BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nThe run went on, and put back what it could. Its last message says what it came to.",
};
/// A backup ended without trouble.
pub const FINISHED: JournalMessage = JournalMessage {
    id: "79394b588cdc4fd78dbc07d067b0a57e",
    subject: "The backup of @BACKUP_INSTANCE@ has ended: @BACKUP_OUTCOME@",
    explanation: "With the outcome `success`, everything that was promised is in the snapshot. With `skipped`\nnothing was to be done, and with `cancelled` somebody stopped it.",
};
/// A backup made an incomplete snapshot.
pub const INCOMPLETE: JournalMessage = JournalMessage {
    id: "3275550c86ca4733ba28a722a9304b7b",
    subject: "The backup of @BACKUP_INSTANCE@ is incomplete",
    explanation: "There is a snapshot, but not everything that was promised is in it. It is marked as\nincomplete: neither `latest` nor retention prefers it to a complete one.\n\nWhat is the matter: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nThe whole run:\n\n  journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@",
};
/// A backup failed.
pub const FAILED: JournalMessage = JournalMessage {
    id: "b20214f8be714998b9e354a336989699",
    subject: "The backup of @BACKUP_INSTANCE@ has failed",
    explanation: "There is no new snapshot to rely on. Earlier snapshots are as they were.\n\nWhat went wrong: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nThe whole run, and then another:\n\n  journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@\n  backupservice run @BACKUP_INSTANCE@",
};
/// Something could not be put back after a backup.
pub const CLEANUP_FAILED: JournalMessage = JournalMessage {
    id: "d21485c132f5494382e8b73972282c49",
    subject: "Not everything could be put back after the backup of @BACKUP_INSTANCE@",
    explanation: "A unit that was stopped for the backup did not start again, or a hook after it failed. The\nbackup itself: @BACKUP_OUTCOME@.\n\nWhat went wrong: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nWhat is down, and what the run said:\n\n  systemctl --failed\n  journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@",
};
/// A restore ended without trouble.
pub const RESTORED: JournalMessage = JournalMessage {
    id: "bb1d1889151c4a68b03777703b967582",
    subject: "The restore of @BACKUP_INSTANCE@ has ended: @BACKUP_OUTCOME@",
    explanation: "What was there before is kept beside it until you remove it; the message names the place.",
};
/// A restore did not bring everything back.
pub const RESTORE_FAILED: JournalMessage = JournalMessage {
    id: "676506fec6784731bbfd92d181a2d86b",
    subject: "The restore of @BACKUP_INSTANCE@ did not succeed: @BACKUP_OUTCOME@",
    explanation: "What went wrong: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nWhat was there before is still there, in its place or beside it. The whole run:\n\n  journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@",
};
/// A maintenance ended without trouble.
pub const MAINTAINED: JournalMessage = JournalMessage {
    id: "4d7c1de0a2f74c5fb8f7f3f4d0e6a915",
    subject: "The maintenance of @BACKUP_INSTANCE@ has ended: @BACKUP_OUTCOME@",
    explanation: "Old snapshots were forgotten as `retention` says, their space was freed, and the repository\nwas checked. With `skipped` there is no repository yet.",
};
/// A maintenance failed.
pub const MAINTENANCE_FAILED: JournalMessage = JournalMessage {
    id: "7e43a7357f9c470691db940681f3f38a",
    subject: "The maintenance of @BACKUP_INSTANCE@ did not succeed: @BACKUP_OUTCOME@",
    explanation: "Backups go on, but the repository grows, or is damaged.\n\nWhat went wrong: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nThe whole run, and then another:\n\n  journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@\n  backupservice maintain @BACKUP_INSTANCE@",
};
/// A backup was not made in time.
pub const OVERDUE: JournalMessage = JournalMessage {
    id: "a0d6a4596d464401a7007fa3e2662e8b",
    subject: "The backup of @BACKUP_INSTANCE@ is overdue",
    explanation: "There was no success although the schedule said so, and the time to spare\n(`backupservice.notify.grace`) is over.\n\nWhat is the matter: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nThe timer, and a run now:\n\n  systemctl status backupservice-@BACKUP_INSTANCE@.timer\n  backupservice run @BACKUP_INSTANCE@",
};
/// A backup is not overdue any more, without any success.
pub const IN_TIME: JournalMessage = JournalMessage {
    id: "bdf755c1d81f4ba4a645135ebf2f9683",
    subject: "The backup of @BACKUP_INSTANCE@ is not overdue any more",
    explanation: "Its schedule is another one now.",
};
/// Somebody could not be told.
pub const UNDELIVERED: JournalMessage = JournalMessage {
    id: "d154f4edf39c4dab8559747463381e0b",
    subject: "Nobody could be told through @BACKUP_CHANNEL@",
    explanation: "What happened to backups did not get there. It is kept, and tried again every quarter of an\nhour.\n\nWhat went wrong: @BACKUP_ERROR@\n\nWhat to do: @BACKUP_REMEDY@\n\nTo try it now:\n\n  systemctl start backupservice-watch.service",
};

/// All there are.
pub const ALL: [&JournalMessage; 14] = [
    &PHASE,
    &NOTE,
    &PROBLEM,
    &FINISHED,
    &INCOMPLETE,
    &FAILED,
    &CLEANUP_FAILED,
    &RESTORED,
    &RESTORE_FAILED,
    &MAINTAINED,
    &MAINTENANCE_FAILED,
    &OVERDUE,
    &IN_TIME,
    &UNDELIVERED,
];

/// The source of the catalog, as `systemd.journal-catalog` wants it.
#[must_use]
pub fn catalog() -> String {
    let mut text = String::from("# Generated from rust/src/report/messages.rs. Do not edit.\n");
    for message in ALL {
        let _ = write!(
            text,
            "\n-- {}\nSubject: {}\nDefined-By: backupservice\nDocumentation: man:backupservice(1)\n\n{}\n",
            message.id, message.subject, message.explanation
        );
    }
    text
}

/// `docs/reference/journal.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for message in ALL {
        let _ = writeln!(text, "| `{}` | {} |", message.id, fields(message.subject));
    }
    text
}

/// With its fields as code.
fn fields(subject: &str) -> String {
    subject.replace('@', "`")
}

const INTRODUCTION: &str = "\
# The journal

<!-- Generated from rust/src/report/messages.rs by `UPDATE_EXPECT=1 cargo test messages`. Do not edit. -->

`journalctl -x` explains each message and what to do about it:

```console
$ journalctl -xu backupservice-nextcloud -n 20
$ journalctl MESSAGE_ID=b20214f8be714998b9e354a336989699 --since -1week
```

Anybody can write any field into the journal. Where that matters, ask for the unit as well
(`-u`, or `_SYSTEMD_UNIT=`).

| field | what |
|---|---|
| `BACKUP_INSTANCE` | the name below `backupservice.instances`; hooks and dumps have it too |
| `BACKUP_RUN_ID` | systemd's invocation id of the run's unit |
| `BACKUP_PROVIDER` | `restic` or `borg` |
| `BACKUP_PHASE` | the step that the run is at |
| `BACKUP_OUTCOME` | `success`, `incomplete`, `skipped`, `failed`, `cancelled`; at the end |
| `BACKUP_CLEANUP_FAILED` | `true` if something could not be put back; at the end of a backup |
| `BACKUP_SNAPSHOT` | id of the snapshot, if there is one |
| `BACKUP_BYTES_ADDED` | bytes that the snapshot added to the repository |
| `BACKUP_CHANNEL` | kind and name of what tells somebody, such as `apprise:phone` |
| `BACKUP_ERROR`, `BACKUP_REMEDY` | what is the matter, and what to do; with everything that went wrong |

| `MESSAGE_ID` | message |
|---|---|
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use expect_test::expect_file;

    use super::*;

    #[test]
    fn the_catalog_and_the_reference_are_what_the_table_says() {
        expect_file!["../../backupservice.catalog"].assert_eq(&catalog());
        if !Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).exists() {
            println!("skipped: the crate is built without the documentation");
            return;
        }
        expect_file!["../../../docs/reference/journal.md"].assert_eq(&reference());
    }

    #[test]
    fn ids_are_unique_and_none_is_forgotten() {
        let ids: BTreeSet<_> = ALL.iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), ALL.len());
        let written = include_str!("messages.rs").matches(": JournalMessage = JournalMessage {");
        // This test has the words as well.
        assert_eq!(written.count() - 1, ALL.len());
        for id in ids {
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
