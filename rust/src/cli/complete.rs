//! Completion in shells: of commands and options, and of what this machine has.

use std::ffi::OsStr;

use clap::CommandFactory;
use clap_complete::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};

use crate::base::paths::{Host, read_json};
use crate::cli::{Cli, Shell};
use crate::plan::PlanSummary;
use crate::report::record::Record;

/// Set by the completion scripts when they ask what could come next.
const VARIABLE: &str = "BACKUPSERVICE_COMPLETE";
const PROGRAM: &str = "backupservice";

/// Answers the script of a shell and exits, if one asks.
pub fn answer() {
    CompleteEnv::with_factory(Cli::command)
        .var(VARIABLE)
        .complete();
}

/// The completion script of a shell. It asks the program, which has to be in `PATH`.
///
/// # Errors
/// It cannot be written, which memory never refuses.
pub fn script(shell: Shell) -> std::io::Result<Vec<u8>> {
    let mut script = Vec::new();
    if let Some(completer) = Shells::builtins().completer(shell.name()) {
        completer.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    }
    Ok(script)
}

/// The instances of this machine.
#[must_use]
pub fn instances(current: &OsStr) -> Vec<CompletionCandidate> {
    beginning_with(current, instances_of(&Host::new("/")))
}

/// The snapshots that the last runs of the instance on the command line have made, newest
/// first. What else is in the repository is not known without asking it.
#[must_use]
pub fn snapshots(current: &OsStr) -> Vec<CompletionCandidate> {
    let host = Host::new("/");
    let words = std::env::args().skip_while(|word| word != "--");
    snapshots_of(&host, words)
        .into_iter()
        .filter(|(id, _)| begins_with(id, current))
        .map(|(id, time)| CompletionCandidate::new(id).help(Some(time.into())))
        .collect()
}

fn instances_of(host: &Host) -> Vec<String> {
    let plans =
        PlanSummary::read_all(&host.plans()).map_or_else(|_| Vec::new(), |(plans, _)| plans);
    plans.into_iter().map(|plan| plan.instance).collect()
}

/// Ids, as far as people type them, with times of this machine's time zone.
fn snapshots_of(host: &Host, words: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let known = instances_of(host);
    let Some(name) = words.into_iter().find(|word| known.contains(word)) else {
        return Vec::new();
    };
    let history: Option<Vec<Record>> = read_json(&host.instance(&name).history()).ok().flatten();
    let mut snapshots = vec![("latest".to_owned(), "the last complete one".to_owned())];
    for record in history.unwrap_or_default().iter().rev() {
        if let Some(id) = &record.snapshot {
            let started = record.started.to_zoned(jiff::tz::TimeZone::system());
            let time = format!(
                "{}, {}",
                started.strftime("%F %H:%M"),
                record.outcome.as_str()
            );
            snapshots.push((id.get(..8).unwrap_or(id).to_owned(), time));
        }
    }
    snapshots
}

fn beginning_with(current: &OsStr, values: Vec<String>) -> Vec<CompletionCandidate> {
    let values = values
        .into_iter()
        .filter(|value| begins_with(value, current));
    values.map(CompletionCandidate::new).collect()
}

fn begins_with(value: &str, current: &OsStr) -> bool {
    current
        .to_str()
        .is_some_and(|current| value.starts_with(current))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn snapshots(host: &Host, line: &str) -> Vec<String> {
        let words = line.split(' ').map(ToOwned::to_owned);
        snapshots_of(host, words)
            .into_iter()
            .map(|(id, _)| id)
            .collect()
    }

    #[test]
    fn what_the_machine_has_is_offered() {
        let directory = tempfile::tempdir().unwrap();
        let host = Host::new(directory.path());
        assert!(instances_of(&host).is_empty());

        fs::create_dir_all(host.plans()).unwrap();
        fs::create_dir_all(host.instance("photos").state).unwrap();
        for name in ["mail", "photos"] {
            let plan = json!({ "version": 7, "instance": name, "provider": { "type": "restic" } });
            fs::write(host.plans().join(format!("{name}.json")), plan.to_string()).unwrap();
        }
        let record = |id: Option<&str>| {
            json!({
                "version": 1, "instance": "photos", "provider": "restic", "runId": "1",
                "attempt": 1, "started": "2026-03-10T12:00:00Z",
                "finished": "2026-03-10T12:01:00Z", "outcome": "success",
                "cleanupFailed": false, "error": null, "snapshot": id, "totals": null,
                "phases": [],
            })
        };
        let history = json!([
            record(Some("0123456789abcdef")),
            record(None),
            record(Some("f2"))
        ]);
        fs::write(host.instance("photos").history(), history.to_string()).unwrap();

        assert_eq!(instances_of(&host), ["mail", "photos"]);
        assert!(begins_with("photos", OsStr::new("ph")) && !begins_with("mail", OsStr::new("ph")));
        assert_eq!(
            snapshots(&host, "-- backupservice restore photos --snapshot "),
            ["latest", "f2", "01234567"]
        );
        assert_eq!(
            snapshots(&host, "-- backupservice restore mail --snapshot "),
            ["latest"]
        );
        assert!(snapshots(&host, "-- backupservice restore --snapshot ").is_empty());
    }
}
