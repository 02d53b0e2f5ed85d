//! Checks of the units that the executor starts or stops; polkit allows exactly these.

use std::collections::BTreeMap;

use super::check::{Checker, is_safe};
use super::{Hook, Plan};
use crate::base::unit_names;

/// Parts of an instance that have a unit of their own.
const OWN: [&str; 6] = [
    "prepare",
    "restore@",
    "snapshots",
    "maintain",
    "drill",
    "probe",
];
/// Types of units that a contract can list in `quiesce` and `restore`. A scope could not
/// be started again.
const KINDS: [&str; 5] = ["service", "socket", "timer", "target", "path"];

impl Checker {
    /// Checks that the units to start belong to this instance and are unique.
    pub(super) fn units(&mut self, plan: &Plan) {
        let prefix = unit_names::prefix(&plan.instance);
        let mut users: BTreeMap<String, String> = OWN
            .iter()
            .map(|own| {
                (
                    format!("{prefix}{own}.service"),
                    "backupservice itself".to_owned(),
                )
            })
            .collect();
        let mut streams = Vec::new();
        for (i, stream) in plan.streams.iter().enumerate() {
            self.name(&format!("streams[{i}].name"), &stream.name, &mut streams);
            self.unit(
                &format!("streams[{i}].dumpUnit"),
                &stream.dump_unit,
                &prefix,
                &mut users,
            );
            self.unit(
                &format!("streams[{i}].loadUnit"),
                &stream.load_unit,
                &prefix,
                &mut users,
            );
        }
        for (phase, hooks) in phases(plan) {
            let mut names = Vec::new();
            for (i, hook) in hooks.iter().enumerate() {
                let field = format!("hooks.{phase}[{i}]");
                self.name(&format!("{field}.name"), &hook.name, &mut names);
                if phase.ends_with("Backup") && hook.name.starts_with("restore-") {
                    self.add(
                        &format!("{field}.name"),
                        &format!("`{}` makes its unit look like one of a restore", hook.name),
                        "Rename it",
                    );
                }
                self.unit(&format!("{field}.unit"), &hook.unit, &prefix, &mut users);
            }
        }
    }

    fn name<'a>(&mut self, field: &str, name: &'a str, seen: &mut Vec<&'a str>) {
        if !is_safe(name, "_.-") || name.len() > 100 {
            self.add(
                field,
                &format!("`{name}` is not safe as the name of a file or a unit"),
                "Use up to 100 letters, digits, `_`, `-` and `.`, starting with a letter or digit",
            );
        } else if seen.contains(&name) {
            self.add(
                field,
                &format!("`{name}` is there twice"),
                "Rename one of them",
            );
        }
        seen.push(name);
    }

    fn unit(
        &mut self,
        field: &str,
        unit: &str,
        prefix: &str,
        users: &mut BTreeMap<String, String>,
    ) {
        if let Some(user) = users.get(unit) {
            self.add(
                field,
                &format!("{unit} is also the unit of {user}"),
                "Rename a hook or a stream",
            );
            return;
        }
        users.insert(unit.to_owned(), field.to_owned());
        let own = unit
            .strip_suffix(".service")
            .and_then(|stem| stem.strip_prefix(prefix))
            .is_some_and(|rest| is_safe(rest, "_.-"));
        if !own || unit.len() > 255 {
            self.add(
                field,
                &format!("`{unit}` is not {prefix}….service"),
                "Use only units that this instance generates",
            );
        }
    }

    /// Checks the units to stop and start again.
    pub(super) fn stopped(&mut self, list: &str, units: &[String]) {
        for (i, unit) in units.iter().enumerate() {
            let field = format!("{list}[{i}]");
            if !is_unit_name(unit) {
                self.add(
                    &field,
                    &format!("`{unit}` is not the name of a unit that can be stopped"),
                    "Write it in full, such as home-assistant.service",
                );
            } else if unit.starts_with(unit_names::PREFIX) {
                self.add(
                    &field,
                    &format!("{unit} belongs to backupservice, which cannot stop itself"),
                    "Name the units that write the data",
                );
            } else if units[..i].contains(unit) {
                self.add(
                    &field,
                    &format!("{unit} is listed twice"),
                    "Remove one of them",
                );
            }
        }
    }
}

fn phases(plan: &Plan) -> [(&'static str, &[Hook]); 4] {
    let hooks = &plan.hooks;
    [
        ("beforeBackup", &hooks.before_backup),
        ("afterBackup", &hooks.after_backup),
        ("beforeRestore", &hooks.before_restore),
        ("afterRestore", &hooks.after_restore),
    ]
}

/// Whether `unit` is the full name of a unit that can be stopped and started.
#[must_use]
pub fn is_unit_name(unit: &str) -> bool {
    let split = unit.rsplit_once('.');
    let named = split.is_some_and(|(stem, kind)| KINDS.contains(&kind) && is_unit_stem(stem));
    named && unit.len() <= 255
}

fn is_unit_stem(stem: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":_.@\\-".contains(c);
    !stem.is_empty() && stem.chars().all(allowed)
}
