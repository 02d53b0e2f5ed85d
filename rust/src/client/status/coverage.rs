//! `status --uncovered`: data that no instance saves. Which data there is, and what saves it, is
//! known when the system is built.

use std::io::ErrorKind;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Format;
use super::layout::{Cell, align};
use crate::base::paths::Host;
use crate::base::problem::Problem;
use crate::client::terminal::{Style, Terminal};

/// Version of the report that this program understands.
const VERSION: u32 = 1;

/// `/etc/backupservice/coverage.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    version: u32,
    entries: Vec<Entry>,
}

/// Data of this machine, as `status --uncovered --json` prints it in an array.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    /// `directory`, `database` or `home`.
    kind: String,
    /// Path, or `postgresql:NAME` or `mysql:NAME`.
    name: String,
    /// Units and options that declare it.
    declared_by: Vec<String>,
    state: State,
    /// Instances that save it, or parts of it.
    instances: Vec<String>,
    /// Unused contracts that would save it, or parts of it.
    contracts: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
enum State {
    Saved,
    Partly,
    Ignored,
    Uncovered,
}

/// Lists the data that is not saved, or only in part.
///
/// # Errors
/// There is no report, or it cannot be read.
pub fn run(host: &Host, format: Format) -> anyhow::Result<String> {
    let path = host.coverage();
    // A link into the Nix store.
    let json = std::fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Problem::new(
            format!("{} does not exist", path.display()),
            "NixOS writes it once an instance is enabled in backupservice.instances",
        )
        .into(),
        _ => anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
    })?;
    let report: Report = serde_json::from_slice(&json)
        .with_context(|| format!("{} is not a report of coverage", path.display()))?;
    if report.version != VERSION {
        return Err(Problem::new(
            format!(
                "{} has version {}, but this program understands version {VERSION}",
                path.display(),
                report.version
            ),
            "Build the system and the executor from the same revision",
        )
        .into());
    }
    let mut entries = report.entries;
    entries.retain(|entry| matches!(entry.state, State::Uncovered | State::Partly));
    entries.sort_by_key(|entry| entry.state != State::Uncovered);
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(&entries)? + "\n",
        Format::Text(terminal) => text(&entries, terminal),
    })
}

fn text(entries: &[Entry], terminal: Terminal) -> String {
    if entries.is_empty() {
        return "All data that this configuration declares is saved or ignored.\n".to_owned();
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            [
                entry.name.as_str().into(),
                saved(entry),
                entry.declared_by.join(", ").into(),
                entry.contracts.join(", ").into(),
            ]
        })
        .collect();
    let head = ["DATA", "SAVED", "DECLARED BY", "CONTRACT"];
    let mut text = align(head, &rows, &["DECLARED BY"], terminal).join("\n") + "\n";
    if entries.iter().any(|entry| !entry.contracts.is_empty()) {
        text += "\nSet backupservice.autoBind to use all contracts, or use one in an instance:\n\
                 config.backupservice.contracts.CONTRACT // { enable = true; }\n";
    }
    if entries.iter().any(|entry| entry.state == State::Uncovered) {
        text += "\nAdd what has no contract to an instance, as sourceDirectories or streams, or, if it\n\
                 needs no backup, to backupservice.coverage.ignore.\n";
    }
    text
}

fn saved(entry: &Entry) -> Cell {
    match entry.state {
        State::Uncovered => Cell::new(Style::Bad, "no"),
        _ => format!("in part, by {}", entry.instances.join(", ")).into(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    const PLAIN: Format = Format::Text(Terminal {
        width: None,
        colour: false,
    });

    fn shown(report: Option<serde_json::Value>, format: Format) -> String {
        let directory = tempfile::tempdir().unwrap();
        let host = Host::new(directory.path());
        if let Some(report) = report {
            std::fs::create_dir_all(host.coverage().parent().unwrap()).unwrap();
            let stored = directory.path().join("store");
            std::fs::write(&stored, report.to_string()).unwrap();
            std::os::unix::fs::symlink(stored, host.coverage()).unwrap();
        }
        let shown = run(&host, format).unwrap_or_else(|error| format!("{error:#}"));
        shown.replace(directory.path().to_str().unwrap(), "")
    }

    fn entry(name: &str, state: &str, instances: &[&str], contracts: &[&str]) -> serde_json::Value {
        json!({
            "kind": "directory",
            "name": name,
            "declaredBy": ["x.service"],
            "state": state,
            "instances": instances,
            "contracts": contracts,
        })
    }

    #[test]
    fn what_is_not_saved_comes_first_with_the_remedy() {
        let report = json!({ "version": 1, "entries": [
            entry("/var/lib/deluge", "partly", &["deluge"], &[]),
            entry("/var/lib/grocy", "uncovered", &[], &["grocy"]),
            entry("/var/lib/ignored", "ignored", &[], &[]),
            entry("/var/lib/saved", "saved", &["saved"], &[]),
        ]});
        expect![[r"
            DATA             SAVED               DECLARED BY  CONTRACT
            /var/lib/grocy   no                  x.service    grocy
            /var/lib/deluge  in part, by deluge  x.service

            Set backupservice.autoBind to use all contracts, or use one in an instance:
            config.backupservice.contracts.CONTRACT // { enable = true; }

            Add what has no contract to an instance, as sourceDirectories or streams, or, if it
            needs no backup, to backupservice.coverage.ignore.
        "]]
        .assert_eq(&shown(Some(report.clone()), PLAIN));
        let printed: Vec<serde_json::Value> =
            serde_json::from_str(&shown(Some(report.clone()), Format::Json)).unwrap();
        assert_eq!(
            printed,
            [report["entries"][1].clone(), report["entries"][0].clone()]
        );
    }

    #[test]
    fn nothing_left_out_is_said() {
        let report = json!({ "version": 1, "entries": [
            entry("/var/lib/ignored", "ignored", &[], &[]),
            entry("/var/lib/saved", "saved", &["saved"], &[]),
        ]});
        expect![[r"
            All data that this configuration declares is saved or ignored.
        "]]
        .assert_eq(&shown(Some(report.clone()), PLAIN));
        assert_eq!(shown(Some(report), Format::Json), "[]\n");
    }

    #[test]
    fn a_report_that_is_not_understood_is_never_taken_for_an_empty_one() {
        expect!["/etc/backupservice/coverage.json does not exist. NixOS writes it once an instance is enabled in backupservice.instances."].assert_eq(&shown(None, PLAIN));
        let newer = json!({ "version": 2, "entries": [] });
        expect!["/etc/backupservice/coverage.json has version 2, but this program understands version 1. Build the system and the executor from the same revision."].assert_eq(&shown(Some(newer), PLAIN));
        let unknown = json!({ "version": 1, "entries": [entry("/x", "lost", &[], &[])] });
        let shown = shown(Some(unknown), PLAIN);
        assert!(shown.contains("unknown variant `lost`"), "{shown}");
    }
}
