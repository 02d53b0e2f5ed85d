//! `logs`: shows the journal messages of the units of an instance with journalctl.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Context;

use crate::base::paths::Host;
use crate::base::unit_names::unit;
use crate::client::status::collect;

/// Replaces this process by journalctl, and so only returns on errors.
///
/// # Errors
/// There is no such instance, or journalctl cannot be started.
pub fn run(host: &Host, name: &str, follow: bool, lines: Option<u32>) -> anyhow::Result<()> {
    collect::find(&collect::instances(host)?, name)?;
    Err(Command::new("journalctl")
        .args(arguments(name, follow, lines))
        .exec())
    .context("cannot start journalctl")
}

fn arguments(name: &str, follow: bool, lines: Option<u32>) -> Vec<String> {
    // Any process can write the field, and `app-*` also matches units of `app-2`: so both.
    let mut arguments = vec![
        format!("BACKUP_INSTANCE={name}"),
        "--unit".to_owned(),
        unit(name, "", "service"),
        "--unit".to_owned(),
        unit(name, "-*", "service"),
    ];
    if follow {
        arguments.push("--follow".to_owned());
    }
    arguments.extend(lines.map(|lines| format!("--lines={lines}")));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_forged_fields_nor_other_instances_are_shown() {
        assert_eq!(
            arguments("app", true, Some(5)).join(" "),
            "BACKUP_INSTANCE=app --unit backupservice-app.service \
             --unit backupservice-app-*.service --follow --lines=5"
        );
    }
}
