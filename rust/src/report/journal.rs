//! The journal: messages with fields that dashboards can rely on.

use std::path::Path;

use log::{Level, LevelFilter, Log, Metadata, Record as LogRecord};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use super::maintenance::Maintenance;
use super::record::Record;
use crate::outcome::Outcome;

/// A phase begins.
pub const PHASE: &str = "2c459f4b5dcb42cd9b17b11e63069d10";
/// A backup ended.
pub const FINISHED: &str = "79394b588cdc4fd78dbc07d067b0a57e";
/// A restore ended.
pub const RESTORED: &str = "bb1d1889151c4a68b03777703b967582";
/// A maintenance ended.
pub const MAINTAINED: &str = "4d7c1de0a2f74c5fb8f7f3f4d0e6a915";
/// Something went wrong on the way.
pub const PROBLEM: &str = "359bd17959c246bc971aeebab9cade62";
/// Words of the provider.
pub const NOTE: &str = "aa3f2192550844cc8828434097280ad1";

/// A backup was not made in time.
pub const OVERDUE: &str = "a0d6a4596d464401a7007fa3e2662e8b";
/// Backups are made in time again.
pub const IN_TIME: &str = "bdf755c1d81f4ba4a645135ebf2f9683";
/// Somebody could not be told.
pub const UNDELIVERED: &str = "d154f4edf39c4dab8559747463381e0b";

/// Fields of one message.
pub type Fields = Vec<(&'static str, String)>;

/// Sends everything that is logged to the journal if standard error is connected to it,
/// and to standard error otherwise.
pub fn install() {
    let reachable = Path::new("/run/systemd/journal/socket").exists();
    if connected_to_journal() && reachable {
        let logger = JournalLog::new().map(JournalLog::install);
        if matches!(logger, Ok(Ok(()))) {
            log::set_max_level(LevelFilter::Info);
            return;
        }
    }
    // Fails only if there is a logger already, which then does the work.
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Sends one message.
pub fn send(level: Level, message_id: &str, fields: &Fields, text: &str) {
    let mut pairs: Vec<(&str, &str)> = vec![("MESSAGE_ID", message_id)];
    pairs.extend(fields.iter().map(|(name, value)| (*name, value.as_str())));
    let pairs = pairs.as_slice();
    log::logger().log(
        &LogRecord::builder()
            .level(level)
            .target("backupservice")
            .key_values(&pairs)
            .args(format_args!("{text}"))
            .build(),
    );
}

/// Tells how a backup ended.
pub fn tell(record: &Record) {
    let mut fields = vec![
        ("BACKUP_INSTANCE", record.instance.clone()),
        ("BACKUP_RUN_ID", record.run_id.clone()),
        ("BACKUP_PROVIDER", record.provider.clone()),
        ("BACKUP_OUTCOME", record.outcome.as_str().to_owned()),
        ("BACKUP_CLEANUP_FAILED", record.cleanup_failed.to_string()),
    ];
    if let Some(phase) = record.phases.last() {
        fields.push(("BACKUP_PHASE", phase.name.clone()));
    }
    if let Some(snapshot) = &record.snapshot {
        fields.push(("BACKUP_SNAPSHOT", snapshot.clone()));
    }
    if let Some(totals) = &record.totals {
        fields.push(("BACKUP_BYTES_ADDED", totals.bytes_added.to_string()));
    }
    let level = if record.cleanup_failed {
        Level::Error
    } else {
        level(record.outcome)
    };
    send(level, FINISHED, &fields, &record.to_string());
}

/// Tells how a maintenance ended.
pub fn tell_maintenance(record: &Maintenance) {
    let mut fields = vec![
        ("BACKUP_INSTANCE", record.instance.clone()),
        ("BACKUP_RUN_ID", record.run_id.clone()),
        ("BACKUP_PROVIDER", record.provider.clone()),
        ("BACKUP_OUTCOME", record.outcome.as_str().to_owned()),
    ];
    if let Some(phase) = record.phases.last() {
        fields.push(("BACKUP_PHASE", phase.name.clone()));
    }
    let level = level(record.outcome);
    send(level, MAINTAINED, &fields, &record.to_string());
}

fn level(outcome: Outcome) -> Level {
    match outcome {
        Outcome::Success | Outcome::Skipped => Level::Info,
        Outcome::Incomplete | Outcome::Cancelled => Level::Warn,
        Outcome::Failed => Level::Error,
    }
}

struct StandardError;

impl Log for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &LogRecord<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("{}", record.args());
        }
    }

    fn flush(&self) {}
}
