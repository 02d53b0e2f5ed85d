//! `exists`: whether a repository on the network exists, asked before a password is generated for
//! it.
//!
//! A machine without state cannot know whether its repository was made by the one that it
//! replaces. A password that is generated for it all the same would open nothing, and be kept
//! in the place of the one that does.

use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::{remove_if_there, write_atomically};
use crate::plan::Plan;
use crate::provider;
use crate::report::Report;
use crate::run::existence::Answer;
use crate::run::guards;
use crate::run::invocation::Invocation;
use crate::run::observer::observed;

/// Asks the repository, with a password that opens none. Returns the exit status: 0 only if there
/// is certainly no repository.
///
/// # Errors
/// The answer cannot be written.
pub fn run(plan: &Plan, invocation: &Invocation<'_>) -> anyhow::Result<u8> {
    let name = provider::name(plan.provider.kind);
    let directories = &invocation.directories;
    remove_if_there(&directories.existence())?;
    let mut report = Report::of_restore(directories, &plan.instance, name, &invocation.id);
    let Err(failure) = ask(plan, invocation, &mut report) else {
        return Ok(0);
    };
    report.problem(&failure.problem);
    let answer = Answer {
        transient: failure.is_transient(),
        error: failure.problem,
    };
    write_atomically(&directories.existence(), &serde_json::to_vec(&answer)?)?;
    Ok(1)
}

fn ask(plan: &Plan, invocation: &Invocation<'_>, report: &mut Report) -> Result<(), Failure> {
    guards::credentials(plan, invocation)?;
    let provider = (invocation.open)(plan, &invocation.credentials, &invocation.directories)?;
    match observed(report, invocation.cancel, |job| provider.snapshots(job)) {
        Err(failure) if failure.kind == FailureKind::NoRepository => Ok(()),
        Err(failure) if failure.kind != FailureKind::WrongPassword => Err(failure),
        Ok(_) | Err(_) => Err(exists(plan)),
    }
}

fn exists(plan: &Plan) -> Failure {
    let file = plan.repository.credentials.password.display();
    let place = plan.repository.path.as_deref();
    Failure::new(
        format!(
            "the repository {} exists already, but its password is not in {file}",
            place.unwrap_or("that repository.pathFile names")
        ),
        format!(
            "put the password that it was made with into {file}, or set repository.passwordFile; if it is not your repository, choose another repository.path"
        ),
    )
}
