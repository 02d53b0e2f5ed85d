//! Validation of plans, beyond the types of their fields.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::Plan;
use crate::base::unit_names;
use crate::plan::pattern::Pattern;
use crate::plan::store_path::StorePath;
use crate::plan::timespan;

/// Whether tools must be in the Nix store. Secrets must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorePolicy {
    /// Tools are store paths.
    Required,
    /// There is no Nix store: tools are absolute paths.
    Relaxed,
}

/// Problem with one field of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, such as `hooks.beforeBackup[0].unit`.
    pub field: String,
    /// Problem, with the value.
    pub problem: String,
    /// Remedy.
    pub remedy: String,
}

/// All problems of a plan, displayed one per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Finding>);

impl Plan {
    /// Checks everything that the types do not ensure, and returns all problems at once.
    ///
    /// # Errors
    /// The plan has at least one problem.
    pub fn check(&self, policy: StorePolicy) -> Result<(), Problems> {
        let mut check = Checker(Vec::new());
        if let Err(finding) = check_instance_name(&self.instance) {
            check.0.push(finding);
        }
        if let Err(finding) = check_host_name(&self.host) {
            check.0.push(finding);
        }
        check.provider(self, policy);
        check.sources(self);
        check.exclude(self);
        check.repository(self);
        check.credentials(self);
        check.units(self);
        check.stopped("quiesce", &self.quiesce);
        check.stopped("restoreUnits", &self.restore_units);
        check.maintenance(self);
        check.guards(self);
        check.schedule(self);
        if check.0.is_empty() {
            Ok(())
        } else {
            Err(Problems(check.0))
        }
    }
}

impl Finding {
    pub(super) fn new(field: &str, problem: &str, remedy: &str) -> Self {
        Self {
            field: field.to_owned(),
            problem: problem.to_owned(),
            remedy: remedy.to_owned(),
        }
    }
}

/// `field: problem. Remedy.`
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}. {}.",
            self.field, self.problem, self.remedy
        )
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, finding) in self.0.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Finding {}
impl std::error::Error for Problems {}

/// Checks an instance name, which becomes part of paths and unit names.
///
/// # Errors
/// The name is too long, has an invalid character, or is reserved.
pub fn check_instance_name(name: &str) -> Result<(), Finding> {
    // The path of a socket has room for no more.
    if !is_safe(name, "_.-") || name.len() > 80 {
        return Err(Finding::new(
            "instance",
            &format!("`{name}` cannot be part of a unit name"),
            "Use up to 80 letters, digits, `_`, `-` and `.`, starting with a letter or digit",
        ));
    }
    if ["bus", "catalog", "recover", "secrets", "watch"].contains(&name) {
        return Err(Finding::new(
            "instance",
            &format!(
                "`{name}` is reserved: backupservice itself has a unit {}",
                unit_names::service(name, "")
            ),
            "Choose another name",
        ));
    }
    Ok(())
}

/// Checks the name of a host: it becomes part of the names of snapshots.
///
/// # Errors
/// It has a character that such a name cannot have.
pub fn check_host_name(name: &str) -> Result<(), Finding> {
    if is_safe(name, "_.-") && name.len() <= 100 {
        return Ok(());
    }
    Err(Finding::new(
        "host",
        &format!("`{name}` cannot be part of a snapshot's name"),
        "Set backupservice.host to at most 100 letters, digits, `_`, `-` and `.`, beginning with a letter or digit",
    ))
}

/// Problems found so far.
pub(super) struct Checker(Vec<Finding>);

impl Checker {
    pub(super) fn add(&mut self, field: &str, problem: &str, remedy: &str) {
        self.0.push(Finding::new(field, problem, remedy));
    }

    fn provider(&mut self, plan: &Plan, policy: StorePolicy) {
        self.tool("provider.program", &plan.provider.program, policy);
        for (i, directory) in plan.provider.path.iter().enumerate() {
            self.tool(&format!("provider.path[{i}]"), directory, policy);
        }
    }

    fn tool(&mut self, field: &str, path: &Path, policy: StorePolicy) {
        if !self.absolute(field, path) || policy == StorePolicy::Relaxed {
            return;
        }
        if let Err(error) = StorePath::from_absolute_path_full(path) {
            self.add(
                field,
                &format!("{} {error}", path.display()),
                "Use a path of a package, or --no-nix-store where there is no Nix store",
            );
        }
    }

    /// Reports a path that is not absolute and in its shortest form.
    pub(super) fn absolute(&mut self, field: &str, path: &Path) -> bool {
        let shown = path.display().to_string();
        let short: PathBuf = path.iter().collect();
        if path.as_os_str().is_empty() {
            self.add(field, "is empty", "Give an absolute path");
        } else if !path.is_absolute() {
            let problem = format!("`{shown}` is relative");
            self.add(field, &problem, "Give an absolute path");
        } else if path.components().any(|part| part == Component::ParentDir) {
            let problem = format!("{shown} contains `..`");
            self.add(field, &problem, "Write the path without it");
        } else if short.as_os_str() != path.as_os_str() {
            let problem = format!("{shown} is not in its shortest form");
            self.add(field, &problem, &format!("Write {}", short.display()));
        } else if shown.contains(char::is_control) {
            let problem = format!("{shown:?} contains a control character");
            self.add(field, &problem, "Rename the file");
        } else {
            return true;
        }
        false
    }

    fn maintenance(&mut self, plan: &Plan) {
        for (rule, _) in plan.retention.rules().filter(|(_, count)| *count == 0) {
            self.add(
                &format!("retention.{rule}"),
                "is 0, which would keep nothing",
                "Give a positive number, or null to disable the rule",
            );
        }
        let percent = plan.maintenance.read_data;
        if percent > 100 {
            self.add(
                "maintenance.readData",
                &format!("{percent} is more than 100 percent"),
                "Give a number from 0 to 100",
            );
        }
    }

    fn guards(&mut self, plan: &Plan) {
        if let Some(percent) = plan.guards.max_shrink.filter(|percent| *percent >= 100) {
            self.add(
                "guards.maxShrink",
                &format!("{percent} percent cannot be exceeded"),
                "Give a number below 100, or null to disable the guard",
            );
        }
        if plan.max_concurrent == Some(0) {
            self.add(
                "maxConcurrent",
                "is 0, so nothing would ever run",
                "Give a positive number, or null for no limit",
            );
        }
    }

    fn schedule(&mut self, plan: &Plan) {
        let schedule = &plan.schedule;
        // Only systemd itself understands all calendar events.
        if schedule.calendar.trim().is_empty() {
            self.add(
                "schedule.calendar",
                "is empty, so nothing would ever run",
                "Give a calendar event, such as daily",
            );
        }
        if timespan::parse(&schedule.randomized_delay).is_none() {
            self.add(
                "schedule.randomizedDelay",
                &format!("`{}` is not a time span", schedule.randomized_delay),
                "Write it as systemd.time(7) does, such as 1h 30min",
            );
        }
    }

    fn exclude(&mut self, plan: &Plan) {
        for (i, text) in plan.exclude.iter().enumerate() {
            let field = format!("exclude[{i}]");
            match Pattern::parse(text) {
                Err(mistake) => {
                    self.add(&field, &format!("{text:?} {mistake}"), mistake.remedy);
                }
                Ok(pattern) => {
                    let covered = plan.sources.iter().find(|source| pattern.covers(source));
                    if let Some(source) = covered {
                        let shown = source.display();
                        self.add(
                            &field,
                            &format!("{text:?} leaves out the whole source {shown}"),
                            "Exclude less, or remove the source from sourceDirectories",
                        );
                    }
                }
            }
        }
    }
}

/// ASCII letters and digits, and some `others` after the first character.
pub(super) fn is_safe(name: &str, others: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests;
