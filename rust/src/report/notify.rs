//! One line for `systemctl status`.

use sd_notify::NotifyState;

use crate::base::measure::{Progress, size};

/// Sets the line. Without systemd nothing happens.
pub fn status(text: &str) {
    // systemd takes the assignment to the end of the line.
    let text = text.replace('\n', " ");
    if let Err(error) = sd_notify::notify(&[NotifyState::Status(&text)]) {
        log::debug!("cannot tell systemd the status: {error}");
    }
}

/// What a phase does, for people.
#[must_use]
pub fn doing(phase: &str) -> &str {
    match phase {
        "lock" => "taking the lock of the instance",
        "recover" => "finishing what an earlier run left",
        "settle" => "cleaning up after a killed run",
        "guard" => "checking sources and credentials",
        "before-backup" => "running the hooks before the backup",
        "quiesce" => "stopping units while the data is read",
        "dump" => "dumping databases",
        "backup" => "backing up",
        "init" => "creating the repository",
        "mark" => "marking the snapshot as incomplete",
        "select" => "looking for the snapshot",
        "stop" => "stopping units for the restore",
        "before-restore" => "running the hooks before the restore",
        "restore" => "restoring",
        "swap" => "putting the restored data in its place",
        "load" => "loading databases",
        "after-restore" => "running the hooks after the restore",
        "resume" => "starting the units that were stopped",
        "after-backup" => "running the hooks after the backup",
        "waiting" => "waiting for its turn",
        "forget" => "forgetting old snapshots",
        "prune" => "freeing space in the repository",
        "check" => "checking the repository",
        "unlock" => "removing the locks of processes that are gone",
        "clean" => "removing what is not needed any more",
        other => other,
    }
}

/// A phase with its progress.
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
