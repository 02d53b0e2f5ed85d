//! `hook`: what the unit of a hook runs, as the user of the hook.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::base::paths::InstancePaths;
use crate::base::problem::Problem;
use crate::steps::hook_facts::HookFacts;

/// Becomes the command of a hook of `instance`, with the facts of the run in its
/// environment and all else as systemd set it.
///
/// # Errors
/// If the facts are refused, or the command cannot be executed.
pub fn run(
    directories: &InstancePaths,
    instance: &str,
    command: &[OsString],
) -> anyhow::Result<Infallible> {
    let facts = HookFacts::read(&directories.hook_facts()).map_err(|error| {
        Problem::new(
            format!("{error:#}"),
            "if nobody has changed the file by hand, look into what backupservice runs: something else has",
        )
    })?;
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Problem::new("no command is given", "write it after `--`"))?;
    let error = Command::new(program)
        .args(arguments)
        .envs(facts.unwrap_or_default().variables(instance))
        .exec();
    Err(Problem::new(
        format!("cannot execute {}: {error}", program.display()),
        "check the hook's command",
    )
    .into())
}
