//! Facts about a run that its hooks receive as `BACKUP_*` variables: `hook.json`.
//!
//! The executor writes the file as `backupservice`. The hook's unit reads it as the hook's
//! user, perhaps root, and takes it for hostile: what reaches the hook are these five
//! variables and no other, each with a value of its own form.

use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::base::outcome::Outcome;
use crate::base::paths::write_atomically;
use crate::base::untrusted;

/// More than these facts ever need, in bytes.
const LIMIT: u64 = 4096;

/// Phases that have hooks.
pub const PHASES: [&str; 4] = [
    "before-backup",
    "after-backup",
    "before-restore",
    "after-restore",
];

/// Facts about a run. The instance is not one of them: the hook's unit knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HookFacts {
    /// Id of the run.
    pub run_id: String,
    /// One of [`PHASES`].
    pub phase: String,
    /// Outcome of the run, once known.
    pub outcome: Option<Outcome>,
    /// Id of the snapshot, once known.
    pub snapshot: Option<String>,
}

impl HookFacts {
    /// Writes the facts for the next hook.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        write_atomically(path, &serde_json::to_vec(self)?)
    }

    /// Reads the facts; `None` if there are none, as for a hook that is started by hand.
    ///
    /// # Errors
    /// If the file cannot be read or a fact is not what the executor writes.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let json = match untrusted::read(path, LIMIT) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let refused = || format!("{} is refused", path.display());
        let facts: Self = serde_json::from_slice(&json).with_context(refused)?;
        facts.check().with_context(refused)?;
        Ok(Some(facts))
    }

    fn check(&self) -> Result<()> {
        ensure!(
            is_run_id(&self.run_id),
            "runId: {:?} is not an id",
            self.run_id
        );
        ensure!(
            PHASES.contains(&self.phase.as_str()),
            "phase: {:?} has no hooks",
            self.phase
        );
        if let Some(snapshot) = &self.snapshot {
            ensure!(
                is_snapshot_id(snapshot),
                "snapshot: {snapshot:?} is not an id"
            );
        }
        Ok(())
    }

    /// The variables of a hook of `instance`. All are set; those not known are empty.
    #[must_use]
    pub fn variables(self, instance: &str) -> [(&'static str, String); 5] {
        let outcome = self.outcome.map_or("", Outcome::as_str);
        [
            ("BACKUP_INSTANCE", instance.to_owned()),
            ("BACKUP_RUN_ID", self.run_id),
            ("BACKUP_PHASE", self.phase),
            ("BACKUP_OUTCOME", outcome.to_owned()),
            ("BACKUP_SNAPSHOT", self.snapshot.unwrap_or_default()),
        ]
    }
}

/// Whether `text` is an invocation id: hexadecimal digits.
#[must_use]
pub fn is_run_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// Whether `text` can be the id of a snapshot of some provider: it is a word to a shell, and
/// no option.
#[must_use]
pub fn is_snapshot_id(text: &str) -> bool {
    text.len() <= 255
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.:@+-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Option<HookFacts>> {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("hook.json");
        std::fs::write(&path, json).unwrap();
        HookFacts::read(&path)
    }

    #[test]
    fn a_hook_receives_what_was_written() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("hook.json");
        assert_eq!(HookFacts::read(&path).unwrap(), None);
        let facts = HookFacts {
            run_id: "0af".to_owned(),
            phase: "after-backup".to_owned(),
            outcome: Some(Outcome::Incomplete),
            snapshot: Some("host-app-2026-11-21T03:47:01.5".to_owned()),
        };
        facts.write(&path).unwrap();
        let read = HookFacts::read(&path).unwrap().unwrap();
        assert_eq!(read, facts);
        let variables = read
            .variables("app")
            .map(|(name, value)| format!("{name}={value}"));
        assert_eq!(
            variables,
            [
                "BACKUP_INSTANCE=app",
                "BACKUP_RUN_ID=0af",
                "BACKUP_PHASE=after-backup",
                "BACKUP_OUTCOME=incomplete",
                "BACKUP_SNAPSHOT=host-app-2026-11-21T03:47:01.5",
            ]
        );
    }

    #[test]
    fn all_variables_are_set_without_facts() {
        let variables = HookFacts::default().variables("app");
        assert_eq!(variables[0].1, "app");
        assert!(variables[1..].iter().all(|(_, value)| value.is_empty()));
    }

    #[test]
    fn anything_else_is_refused() {
        let good = r#"{"runId":"0af","phase":"after-backup","outcome":"success","snapshot":"abc"}"#;
        assert!(read(good).unwrap().is_some());
        for (from, to) in [
            (r#""snapshot":"abc""#, r#""snapshot":"abc","PATH":"/tmp""#),
            ("0af", "0af\\nPATH=/tmp"),
            ("0af", ""),
            ("after-backup", "after-anything"),
            ("success", "$(id)"),
            ("abc", "abc\\\" PATH=/tmp"),
            ("abc", "a b"),
            ("abc", "--target"),
            ("abc", "a\\u0000b"),
            ("{", "PATH=/tmp\\n{"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(read(&bad).is_err(), "{bad}");
        }
        assert!(read(&" ".repeat(5000)).is_err());
    }
}
