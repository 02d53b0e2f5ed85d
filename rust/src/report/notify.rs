//! One line for `systemctl status`.

use sd_notify::NotifyState;

use super::record::Record;
use crate::measure::Progress;

/// Sets the line. Without systemd nothing happens.
pub fn status(text: &str) {
    // systemd takes the assignment to the end of the line.
    let text = text.replace('\n', " ");
    if let Err(error) = sd_notify::notify(&[NotifyState::Status(&text)]) {
        log::debug!("cannot tell systemd the status: {error}");
    }
}

/// What a phase does, for people.
pub fn doing(phase: &str) -> &str {
    match phase {
        "lock" => "waiting for other work on this instance",
        "recover" => "finishing what an earlier run left",
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

/// The last line of a backup.
pub fn ended(record: &Record) -> String {
    let mut text = record.outcome.as_str().to_owned();
    if let Some(totals) = &record.totals {
        text = format!(
            "{text}: {} files, {}, {} added",
            totals.files,
            size(totals.bytes),
            size(totals.bytes_added)
        );
    }
    if let Some(problem) = &record.error {
        text = format!("{text}: {}", problem.message);
    }
    if record.cleanup_failed {
        text.push_str(" (cleanup failed)");
    }
    text
}

#[allow(clippy::cast_precision_loss)] // a rounded figure for people
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
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
        assert_eq!(size(0), "0 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
    }
}
