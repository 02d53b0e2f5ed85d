//! The status line in `systemctl status`.

use sd_notify::NotifyState;

use crate::base::measure::{Progress, size};

/// Sets the status line. Does nothing without systemd.
pub fn status(text: &str) {
    // systemd reads the assignment up to the end of the line.
    let text = text.replace('\n', " ");
    if let Err(error) = sd_notify::notify(&[NotifyState::Status(&text)]) {
        log::debug!("cannot send the status line to systemd: {error}");
    }
}

/// Describes a phase for people.
#[must_use]
pub fn doing(phase: &str) -> &str {
    match phase {
        "lock" => "acquiring the lock of the instance",
        "recover" => "cleaning up after an interrupted run",
        "settle" => "looking for what an earlier run has left in the repository",
        "guard" => "checking sources and credentials",
        "before-backup" => "running the beforeBackup hooks",
        "quiesce" => "stopping units for the backup",
        "dump" => "dumping databases",
        "backup" => "backing up",
        "init" => "creating the repository",
        "mark" => "marking the snapshot as incomplete",
        "select" => "finding the snapshot",
        "preflight" => "checking that it can be restored",
        "stop" => "stopping units for the restore",
        "before-restore" => "running the beforeRestore hooks",
        "restore" => "restoring",
        "swap" => "moving the restored data into place",
        "load" => "loading databases",
        "after-restore" => "running the afterRestore hooks",
        "resume" => "starting the stopped units",
        "after-backup" => "running the afterBackup hooks",
        "waiting" => "waiting for other runs or for its conditions",
        "forget" => "forgetting old snapshots",
        "prune" => "freeing space in the repository",
        "check" => "checking the repository",
        "unlock" => "removing stale locks",
        "clean" => "cleaning up",
        other => other,
    }
}

/// Describes a phase with its progress.
pub fn progress(phase: &str, progress: &Progress) -> String {
    format!(
        "{}: {:.0}% of {}, {} files",
        doing(phase),
        progress.fraction * 100.0,
        size(progress.bytes_total),
        progress.files_done
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_like_a_sentence() {
        let now = Progress {
            fraction: 0.43,
            bytes_done: 1,
            bytes_total: 1_288_490_189,
            files_done: 1203,
            files_total: 2000,
        };
        assert_eq!(
            progress("backup", &now),
            "backing up: 43% of 1.2 GiB, 1203 files"
        );
    }
}
