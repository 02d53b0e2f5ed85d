//! Settings of all calls of borg: program, environment, repository.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::base::outcome::Failure;
use crate::base::paths::InstancePaths;
use crate::plan::{Plan, borg_location};
use crate::provider::holder::Holder;
use crate::provider::{self, credentials, ssh};

/// Set by the user for one run to accept that a repository was moved.
const MOVED: &str = "BORG_RELOCATED_REPO_ACCESS_IS_OK";

/// Names the holder of borg's locks; differs for each [`Holder`].
pub const HOST_ID: &str = "BORG_HOST_ID";

/// Settings that all calls have in common.
#[derive(Debug)]
pub struct Settings {
    pub program: PathBuf,
    pub environment: Vec<(String, OsString)>,
    pub holder: Holder,
    /// Directory with a cache for each repository.
    pub caches: PathBuf,
    /// The directory of the repository, if it is on this machine.
    pub local: Option<PathBuf>,
    /// The repository's path or URL, unless it is a secret.
    pub public_location: Option<String>,
    /// Log of ssh, if ssh is used.
    pub ssh_log: Option<ssh::Log>,
    /// State by which borg notices that a repository was replaced.
    pub security: PathBuf,
    /// The password's file on the host, for messages.
    pub password_file: PathBuf,
    /// The password was generated on this machine.
    pub password_generated: bool,
    /// Name of the instance, for messages.
    pub instance: String,
}

impl Settings {
    pub fn new(
        plan: &Plan,
        credentials: &Path,
        directories: &InstancePaths,
    ) -> Result<Self, Failure> {
        let state = &directories.provider;
        private_directory(state)?;
        let repository = match &plan.repository.path {
            Some(path) => path.clone(),
            None => credentials::repository(credentials)?,
        };
        borg_location(&repository).map_err(|(problem, remedy)| {
            Failure::new(format!("repository.path: {repository:?} {problem}"), remedy)
        })?;
        let security = state.join("security");

        // It says how a passphrase is found, and more than one way has a winner.
        let mut environment = credentials::variables(plan, credentials)?;
        environment.retain(|(name, _)| !name.contains("PASSPHRASE") && name != HOST_ID);
        let moved = environment.iter().find(|(name, _)| name == MOVED);
        let moved = moved.map_or_else(|| "no".into(), |(_, value)| value.clone());
        let mut set = |name: &str, value: OsString| {
            environment.retain(|(given, _)| given != name);
            environment.push((name.to_owned(), value));
        };
        let path = std::env::join_paths(&plan.provider.path)
            .context("provider.path has a directory with a colon in its name")?;
        set("PATH", path);
        set("HOME", (&directories.cache).into());
        set("LANG", "C.UTF-8".into());
        set("LC_ALL", "C.UTF-8".into());
        set("TZ", "UTC".into());
        set("BORG_BASE_DIR", (&directories.cache).into());
        set("BORG_SECURITY_DIR", (&security).into());
        set("BORG_EXIT_CODES", "modern".into());
        set("BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "no".into());
        set(MOVED, moved);
        // borg fills in what is in braces.
        let literal = repository.replace('{', "{{").replace('}', "}}");
        set("BORG_REPO", literal.into());
        // Through a pipe: an environment is kept with a core dump, and by any child.
        let file = ssh::quoted(&credentials.join("password"))?;
        set("BORG_PASSCOMMAND", format!("cat {file}").into());
        let mut ssh_log = None;
        if repository.starts_with("ssh:") {
            let log = ssh::Log::below(state)?;
            let arguments = ssh::arguments(plan, credentials, &log)?;
            set("BORG_RSH", format!("ssh {arguments}").into());
            ssh_log = Some(log);
        }
        Ok(Self {
            holder: provider::holder(plan, credentials, directories)?,
            caches: directories.cache.join(".cache/borg"),
            program: plan.provider.program.clone(),
            environment,
            local: repository
                .starts_with('/')
                .then(|| PathBuf::from(repository)),
            public_location: plan.repository.path.clone(),
            ssh_log,
            security,
            password_file: plan.repository.credentials.password.clone(),
            password_generated: plan.repository.password_generated,
            instance: plan.instance.clone(),
        })
    }
}

fn private_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::paths::Host;

    fn settings(repository: &str, environment: &str) -> Result<Settings, Failure> {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("environment"), environment).unwrap();
        let mut plan = crate::plan::fixture::good();
        plan["provider"]["type"] = "borg".into();
        plan["repository"]["path"] = repository.into();
        let plan = serde_json::from_value(plan).unwrap();
        let directories = Host::new(root.path()).instance("myservice");
        let first = Settings::new(&plan, root.path(), &directories)?;
        let second = Settings::new(&plan, root.path(), &directories)?;
        assert_eq!(first.environment, second.environment);
        Ok(second)
    }

    fn value(settings: &Settings, name: &str) -> String {
        let mut named = settings
            .environment
            .iter()
            .filter(|(given, _)| given == name);
        let (Some((_, value)), None) = (named.next(), named.next()) else {
            panic!("{name} is not there once");
        };
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn variables_of_the_user_come_along_but_do_not_replace_ours() {
        let given = "BORG_REMOTE_PATH=borg14\nBORG_REPO=/elsewhere\nBORG_PASSPHRASE=x\n\
                     BORG_PASSPHRASE_FD=3\nBORG_RELOCATED_REPO_ACCESS_IS_OK=yes\n";
        let settings = settings("ssh://backup@host/./repo", given).unwrap();
        assert_eq!(value(&settings, "BORG_REMOTE_PATH"), "borg14");
        assert_eq!(value(&settings, "BORG_REPO"), "ssh://backup@host/./repo");
        assert_eq!(value(&settings, MOVED), "yes");
        assert!(value(&settings, "BORG_RSH").contains(" -o BatchMode=yes"));
        assert!(settings.local.is_none());
        let mut names = settings.environment.iter().map(|(name, _)| name);
        assert!(!names.any(|name| name.contains("PASSPHRASE")));
    }

    #[test]
    fn a_local_repository_is_taken_literally() {
        let settings = settings("/srv/{now}:x", "").unwrap();
        assert_eq!(value(&settings, "BORG_REPO"), "/srv/{{now}}:x");
        assert_eq!(settings.local.as_deref(), Some(Path::new("/srv/{now}:x")));
        assert_eq!(value(&settings, MOVED), "no");
        assert!(value(&settings, "BORG_PASSCOMMAND").ends_with("/password'"));
        let state = settings.security.parent().unwrap();
        assert!(state.ends_with("var/lib/backupservice/myservice/provider"));
        assert!(value(&settings, "BORG_BASE_DIR").contains("/var/cache/"));
    }

    #[test]
    fn what_borg_would_take_for_something_else_is_refused() {
        for repository in ["sftp:a@b:/c", "s3:https://host/x", "/srv/a::b", "relative"] {
            let failure = settings(repository, "").unwrap_err();
            assert!(failure.problem.message.contains(repository), "{failure}");
        }
    }
}
