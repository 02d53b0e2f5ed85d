//! The journal messages, and from the same table the catalog for `journalctl -x` and
//! `docs/reference/journal.md`.
//!
//! Tests compare the generated files; `UPDATE_EXPECT=1 cargo test messages` writes them.

use std::fmt::Write;

/// Kind of message. Its `MESSAGE_ID` never changes and is never reused.
#[derive(Debug, PartialEq, Eq)]
pub struct JournalMessage {
    /// The `MESSAGE_ID`.
    pub id: &'static str,
    /// Subject in one line; `@FIELD@` stands for the value of a field.
    pub subject: &'static str,
    /// Meaning, cause, and commands to run; lines of at most 100 characters.
    pub explanation: &'static str,
}

/// Start of a phase.
pub const PHASE: JournalMessage = JournalMessage {
    id: "2c459f4b5dcb42cd9b17b11e63069d10",
    subject: "Run of @BACKUP_INSTANCE@ entered phase @BACKUP_PHASE@",
    explanation: "\
        A step of a backup, restore or maintenance has started. To see how long each step\n\
        took:\n\
        \n\
        \x20\x20backupservice status @BACKUP_INSTANCE@",
};
/// Output of the provider or a note of the executor.
pub const NOTE: JournalMessage = JournalMessage {
    id: "aa3f2192550844cc8828434097280ad1",
    subject: "Note on @BACKUP_INSTANCE@",
    explanation: "\
        Output of the provider (@BACKUP_PROVIDER@), or a note of the executor. It does not\n\
        affect the outcome of the run.",
};
/// Problem that does not end the run.
pub const PROBLEM: JournalMessage = JournalMessage {
    id: "359bd17959c246bc971aeebab9cade62",
    subject: "Problem during the run of @BACKUP_INSTANCE@",
    explanation: "\
        @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        The run continued and cleaned up as far as possible. Its last message states the\n\
        outcome.",
};
/// End of a backup that did not fail.
pub const FINISHED: JournalMessage = JournalMessage {
    id: "79394b588cdc4fd78dbc07d067b0a57e",
    subject: "Backup of @BACKUP_INSTANCE@ finished: @BACKUP_OUTCOME@",
    explanation: "\
        `success`: the snapshot contains everything that the contract lists. `skipped`:\n\
        nothing was done, on purpose. `cancelled`: the run was stopped on request.",
};
/// End of a backup with an incomplete snapshot.
pub const INCOMPLETE: JournalMessage = JournalMessage {
    id: "3275550c86ca4733ba28a722a9304b7b",
    subject: "Backup of @BACKUP_INSTANCE@ is incomplete",
    explanation: "\
        A snapshot was created, but some of the data that the contract lists is not in it. It\n\
        is marked as incomplete: `latest` and retention prefer complete snapshots.\n\
        \n\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        To see all messages of the run:\n\
        \n\
        \x20\x20journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@",
};
/// End of a failed backup.
pub const FAILED: JournalMessage = JournalMessage {
    id: "b20214f8be714998b9e354a336989699",
    subject: "Backup of @BACKUP_INSTANCE@ failed",
    explanation: "\
        There is no new usable snapshot. Earlier snapshots are unchanged.\n\
        \n\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        To see all messages of the run, and to run the backup again:\n\
        \n\
        \x20\x20journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@\n\
        \x20\x20backupservice run @BACKUP_INSTANCE@",
};
/// End of a backup whose cleanup failed.
pub const CLEANUP_FAILED: JournalMessage = JournalMessage {
    id: "d21485c132f5494382e8b73972282c49",
    subject: "Cleanup after the backup of @BACKUP_INSTANCE@ failed",
    explanation: "\
        A unit stopped for the backup could not be started again, or a hook after the backup\n\
        failed. The service may be down. The backup itself: @BACKUP_OUTCOME@.\n\
        \n\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        To see which units are down, and all messages of the run:\n\
        \n\
        \x20\x20systemctl --failed\n\
        \x20\x20journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@",
};
/// End of a successful restore.
pub const RESTORED: JournalMessage = JournalMessage {
    id: "bb1d1889151c4a68b03777703b967582",
    subject: "Restore of @BACKUP_INSTANCE@ finished: @BACKUP_OUTCOME@",
    explanation: "\
        A restore in place keeps the previous data beside the restored data until you remove\n\
        it; the message names the path.",
};
/// End of a restore that did not succeed.
pub const RESTORE_FAILED: JournalMessage = JournalMessage {
    id: "676506fec6784731bbfd92d181a2d86b",
    subject: "Restore of @BACKUP_INSTANCE@ did not succeed: @BACKUP_OUTCOME@",
    explanation: "\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        The previous data still exists, in its place or beside it. To see all messages of the\n\
        run:\n\
        \n\
        \x20\x20journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@",
};
/// End of a maintenance that did not fail.
pub const MAINTAINED: JournalMessage = JournalMessage {
    id: "4d7c1de0a2f74c5fb8f7f3f4d0e6a915",
    subject: "Maintenance of @BACKUP_INSTANCE@ finished: @BACKUP_OUTCOME@",
    explanation: "\
        `success`: old snapshots were forgotten according to `retention`, their space was\n\
        freed, and the repository was checked. `skipped`: there is no repository yet.\n\
        `cancelled`: the maintenance was stopped on request.",
};
/// End of a failed maintenance.
pub const MAINTENANCE_FAILED: JournalMessage = JournalMessage {
    id: "7e43a7357f9c470691db940681f3f38a",
    subject: "Maintenance of @BACKUP_INSTANCE@ did not succeed: @BACKUP_OUTCOME@",
    explanation: "\
        Backups continue, but the repository keeps growing, or is damaged.\n\
        \n\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        To see all messages of the run, and to run the maintenance again:\n\
        \n\
        \x20\x20journalctl _SYSTEMD_INVOCATION_ID=@BACKUP_RUN_ID@\n\
        \x20\x20backupservice maintain @BACKUP_INSTANCE@",
};
/// No successful backup in time.
pub const OVERDUE: JournalMessage = JournalMessage {
    id: "a0d6a4596d464401a7007fa3e2662e8b",
    subject: "Backup of @BACKUP_INSTANCE@ is overdue",
    explanation: "\
        There was no successful backup on schedule, nor within the tolerance after it\n\
        (`backupservice.notify.grace`).\n\
        \n\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        To see the timer, and to run the backup now:\n\
        \n\
        \x20\x20systemctl status backupservice-@BACKUP_INSTANCE@.timer\n\
        \x20\x20backupservice run @BACKUP_INSTANCE@",
};
/// No longer overdue, without a successful backup.
pub const IN_TIME: JournalMessage = JournalMessage {
    id: "bdf755c1d81f4ba4a645135ebf2f9683",
    subject: "Backup of @BACKUP_INSTANCE@ is no longer overdue",
    explanation: "\
        Its schedule has changed.",
};
/// Notification that could not be sent.
pub const UNDELIVERED: JournalMessage = JournalMessage {
    id: "d154f4edf39c4dab8559747463381e0b",
    subject: "Could not send the notification via @BACKUP_CHANNEL@",
    explanation: "\
        The notification is kept and sent again every 15 minutes until it arrives.\n\
        \n\
        Cause: @BACKUP_ERROR@\n\
        \n\
        What to do: @BACKUP_REMEDY@\n\
        \n\
        To try again now:\n\
        \n\
        \x20\x20systemctl start backupservice-watch.service",
};

/// Every message.
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

/// The source of the message catalog, in the format of `journalctl --update-catalog`.
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

/// The text of `docs/reference/journal.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for message in ALL {
        let _ = writeln!(text, "| `{}` | {} |", message.id, fields(message.subject));
    }
    text
}

/// Replaces `@FIELD@` by Markdown code.
fn fields(subject: &str) -> String {
    subject.replace('@', "`")
}

const INTRODUCTION: &str = "\
# Journal messages

<!-- Generated from rust/src/report/messages.rs by `UPDATE_EXPECT=1 cargo test messages`. Do not edit. -->

`journalctl -x` explains each message and gives a remedy:

```console
$ journalctl -xu backupservice-nextcloud -n 20
$ journalctl MESSAGE_ID=b20214f8be714998b9e354a336989699 --since -1week
```

Any process can write any field to the journal. Where that matters, also match the unit
(`-u`, or `_SYSTEMD_UNIT=`).

| field | value |
|---|---|
| `BACKUP_INSTANCE` | name in `backupservice.instances`; also in messages of hooks and dumps |
| `BACKUP_RUN_ID` | systemd's invocation id of the run's unit |
| `BACKUP_PROVIDER` | `restic` or `borg` |
| `BACKUP_PHASE` | current step of the run |
| `BACKUP_OUTCOME` | `success`, `incomplete`, `skipped`, `failed`, `cancelled`; in the last message |
| `BACKUP_CLEANUP_FAILED` | `true` if cleanup after a backup failed; in its last message |
| `BACKUP_SNAPSHOT` | id of the snapshot, if one was created |
| `BACKUP_BYTES_ADDED` | bytes that the snapshot added to the repository |
| `BACKUP_CHANNEL` | kind and name of a notification channel, such as `apprise:phone` |
| `BACKUP_ERROR`, `BACKUP_REMEDY` | cause and remedy; in every message about a problem |

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
    fn ids_are_unique_and_all_messages_are_listed() {
        let ids: BTreeSet<_> = ALL.iter().map(|message| message.id).collect();
        assert_eq!(ids.len(), ALL.len());
        let written = include_str!("messages.rs").matches(": JournalMessage = JournalMessage {");
        // This test contains the same text once.
        assert_eq!(written.count() - 1, ALL.len());
        for id in ids {
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        }
    }
}
