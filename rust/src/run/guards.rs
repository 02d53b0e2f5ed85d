//! Preconditions of a backup, checked before anything is touched; and what must still hold
//! after the data was read.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::base::outcome::{Failure, FailureKind};
use crate::base::paths::InstancePaths;
use crate::base::problem::Problem;
use crate::base::unit_names;
use crate::plan::Plan;
use crate::plan::pattern::Pattern;
use crate::run::existence;
use crate::run::invocation::Invocation;
use crate::run::prepare::PrepareResult;

/// Checks that `prepare` has succeeded; remote repositories need none.
///
/// # Errors
/// It has not, with the reason that `prepare` gave.
pub fn prepared(plan: &Plan, directories: &InstancePaths) -> Result<(), Failure> {
    if plan.repository.local_path().is_none() {
        return Ok(());
    }
    let unit = unit_names::service(&plan.instance, "-prepare");
    match PrepareResult::read(&directories.prepare_verdict())? {
        Some(PrepareResult { error: None }) => Ok(()),
        Some(PrepareResult { error: Some(error) }) => {
            Err(Failure::from(anyhow::Error::from(error)))
        }
        None => Err(Failure::new(
            format!("{unit} did not prepare the repository"),
            format!("look at `systemctl status {unit}`"),
        )),
    }
}

/// Checks that every credential of the plan is there and not empty.
///
/// # Errors
/// One is missing or empty.
pub fn credentials(plan: &Plan, invocation: &Invocation<'_>) -> Result<(), Failure> {
    let directory = &invocation.credentials;
    let has_password = has_text(&directory.join("password"))?;
    if !has_password && plan.repository.password_generated && plan.repository.local_path().is_none()
    {
        return Err(not_generated(plan, &invocation.directories)?);
    }
    all_there(plan, directory)
}

/// Why there is no password of a repository on the network, which the first backup generates.
fn not_generated(plan: &Plan, directories: &InstancePaths) -> Result<Failure, Failure> {
    if let Some(refusal) = existence::refusal(directories)? {
        return Ok(refusal);
    }
    let on_host = &plan.repository.credentials.password;
    Ok(Failure::of(
        FailureKind::NoRepository,
        Problem::new(
            format!("there is no password in {} yet", on_host.display()),
            format!(
                "if the repository exists, put the password that you kept there; otherwise the next backup generates one, and `systemctl status '{}'` shows why it has not",
                unit_names::secrets(on_host)
            ),
        ),
    ))
}

fn all_there(plan: &Plan, directory: &Path) -> Result<(), Failure> {
    let given = &plan.repository.credentials;
    let all = [
        ("password", "passwordFile", Some(&given.password)),
        ("repository", "pathFile", given.repository.as_ref()),
        ("environment", "environmentFile", given.environment.as_ref()),
        ("ssh-key", "sshKeyFile", given.ssh_key.as_ref()),
        (
            "ssh-known-hosts",
            "sshKnownHostsFile",
            given.ssh_known_hosts.as_ref(),
        ),
    ];
    for (credential, field, on_host) in all {
        let Some(on_host) = on_host else { continue };
        if has_text(&directory.join(credential))? {
            continue;
        }
        let remedy = if credential == "password" && plan.repository.password_generated {
            format!(
                "if the repository exists, put the password that you kept into {}; otherwise `systemctl status '{}'` shows why none was generated",
                on_host.display(),
                unit_names::secrets(on_host)
            )
        } else {
            format!("create {} with the right content", on_host.display())
        };
        return Err(Failure::new(
            format!(
                "repository.{field} {} is missing or empty",
                on_host.display()
            ),
            remedy,
        ));
    }
    given
        .repository
        .as_deref()
        .map_or(Ok(()), |on_host| names_no_directory(directory, on_host))
}

/// The URL in `repository.pathFile` is not a directory of this machine: a unit sees only
/// those that are in the plan, so it would find no repository there and create one that
/// is gone when the unit ends.
fn names_no_directory(directory: &Path, on_host: &Path) -> Result<(), Failure> {
    let place = crate::provider::credentials::repository(directory)?;
    if !place.starts_with('/') && !place.starts_with("local:") {
        return Ok(());
    }
    Err(Failure::new(
        format!(
            "repository.pathFile {} contains the local path {place}, which backup units cannot see",
            on_host.display()
        ),
        format!(
            "set repository.path to {} instead of repository.pathFile",
            place.trim_start_matches("local:")
        ),
    ))
}

/// Checks that every source exists, is no symlink and is not empty.
///
/// # Errors
/// One is missing, empty, a symlink or unreadable.
pub fn sources(plan: &Plan) -> Result<(), Failure> {
    plan.sources
        .iter()
        .try_for_each(|source| holds_something(source))
}

/// The sources still hold something after they were read: a provider says nothing of most
/// files that disappear meanwhile, and calls what is left complete.
#[must_use]
pub fn vanished(plan: &Plan) -> Option<Problem> {
    let problem = sources(plan).err()?.problem;
    Some(Problem::new(
        format!("after it was read, {}", problem.message),
        "find out what removes the data; a service that moves it about can rest meanwhile, with quiesce.units",
    ))
}

/// Checks that no exclude pattern leaves out a whole source.
///
/// # Errors
/// One does, or is none.
pub fn excludes(plan: &Plan) -> Result<(), Failure> {
    for text in &plan.exclude {
        let pattern = Pattern::parse(text).map_err(|mistake| {
            let message = format!("excludePatterns: {text:?} {mistake}");
            Failure::new(message, mistake.remedy)
        })?;
        if let Some(source) = plan.sources.iter().find(|source| pattern.covers(source)) {
            return Err(Failure::new(
                format!(
                    "excludePatterns: {text:?} leaves out the whole source {}",
                    source.display()
                ),
                "exclude less, or remove the source from sourceDirectories",
            ));
        }
    }
    Ok(())
}

fn has_text(file: &Path) -> Result<bool, anyhow::Error> {
    match fs::read(file) {
        // One newline stands for a file that is not there.
        Ok(content) => Ok(!content.trim_ascii().is_empty()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(anyhow::anyhow!(
            "cannot read the credential {}: {error}",
            file.display()
        )),
    }
}

fn holds_something(source: &Path) -> Result<(), Failure> {
    let shown = source.display();
    let refused = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => Failure::new(
            format!("the source {shown} does not exist"),
            "create it, start the service that does, or mount it; otherwise correct sourceDirectories",
        ),
        _ => Failure::new(
            format!("the source {shown} cannot be read: {error}"),
            "check its file system and the directories above it",
        ),
    };
    let kind = source.symlink_metadata().map_err(refused)?.file_type();
    if kind.is_symlink() {
        return Err(Failure::new(
            format!(
                "the source {shown} is only a symbolic link, and a snapshot would hold nothing else"
            ),
            "name the directory that it points to in sourceDirectories",
        ));
    }
    let empty = if kind.is_dir() {
        fs::read_dir(source).map_err(refused)?.next().is_none()
    } else {
        fs::File::open(source)
            .map_err(refused)?
            .metadata()
            .map_err(refused)?
            .len()
            == 0
    };
    if empty {
        return Err(Failure::new(
            format!("the source {shown} is empty"),
            "check that its disk is mounted and that the service has data; otherwise remove it from sourceDirectories",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(result: Result<(), Failure>) -> String {
        result.unwrap_err().problem.message
    }

    #[test]
    fn a_source_that_would_give_an_empty_snapshot_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::create_dir(path("empty")).unwrap();
        fs::create_dir(path("full")).unwrap();
        fs::write(path("full/file"), "x").unwrap();
        fs::write(path("nothing"), "").unwrap();
        std::os::unix::fs::symlink(path("full"), path("link")).unwrap();

        assert!(holds_something(&path("full")).is_ok());
        assert!(holds_something(&path("full/file")).is_ok());
        for (name, words) in [
            ("missing", "does not exist"),
            ("empty", "is empty"),
            ("nothing", "is empty"),
            ("link", "is only a symbolic link"),
            ("full/file/below", "cannot be read"),
        ] {
            let message = problem(holds_something(&path(name)));
            assert!(message.contains(words), "{name}: {message}");
        }
    }

    #[test]
    fn a_newline_is_a_missing_credential() {
        let plan: Plan = serde_json::from_value(crate::plan::fixture::good()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        for name in ["password", "environment", "ssh-key", "ssh-known-hosts"] {
            write(name, "content\n");
        }
        all_there(&plan, directory.path()).unwrap();
        write("environment", "\n");
        assert_eq!(
            problem(all_there(&plan, directory.path())),
            "repository.environmentFile /run/secrets/environment is missing or empty"
        );
        fs::remove_file(directory.path().join("password")).unwrap();
        let failure = all_there(&plan, directory.path()).unwrap_err();
        assert!(
            failure
                .problem
                .message
                .contains("repository.passwordFile /var/lib/backupservice-secrets/")
        );
        assert!(
            failure.problem.remedy.unwrap().contains(
                "`systemctl status 'backupservice-secrets@srv-backup-myservice.service'`"
            )
        );
    }

    #[test]
    fn a_local_path_in_a_path_file_is_refused() {
        let mut plan = crate::plan::fixture::good();
        plan["repository"]["path"] = serde_json::Value::Null;
        plan["repository"]["credentials"]["repository"] = "/run/secrets/url".into();
        let plan: Plan = serde_json::from_value(plan).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
        for name in ["password", "environment", "ssh-key", "ssh-known-hosts"] {
            write(name, "content\n");
        }
        for url in [
            "sftp:u@h:/srv/backup\n",
            "ssh://u@h/srv/backup",
            "b2:bucket",
        ] {
            write("repository", url);
            all_there(&plan, directory.path()).unwrap();
        }
        for path in ["/srv/backup\n", "local:/srv/backup"] {
            write("repository", path);
            let failure = all_there(&plan, directory.path()).unwrap_err();
            assert!(
                failure
                    .problem
                    .message
                    .starts_with("repository.pathFile /run/secrets/url contains the local path "),
                "{path}: {}",
                failure.problem.message
            );
            assert_eq!(
                failure.problem.remedy.unwrap(),
                "set repository.path to /srv/backup instead of repository.pathFile"
            );
        }
    }

    #[test]
    fn the_verdict_of_prepare_is_passed_on() {
        let plan: Plan = serde_json::from_value(crate::plan::fixture::good()).unwrap();
        let root = tempfile::tempdir().unwrap();
        let directories = crate::base::paths::Host::new(root.path()).instance("myservice");
        fs::create_dir_all(&directories.runtime).unwrap();
        assert!(problem(prepared(&plan, &directories)).contains("did not prepare"));
        let verdict = r#"{"error":{"message":"not mounted","remedy":"mount it"}}"#;
        fs::write(directories.prepare_verdict(), verdict).unwrap();
        assert_eq!(problem(prepared(&plan, &directories)), "not mounted");
        fs::write(directories.prepare_verdict(), r#"{"error":null}"#).unwrap();
        prepared(&plan, &directories).unwrap();
    }
}
