//! Settings of all calls of restic: program, environment, options.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::retry_limit::STUCK;
use crate::base::outcome::Failure;
use crate::base::paths::InstancePaths;
use crate::plan::Plan;
use crate::provider::holder::Holder;
use crate::provider::{self, credentials, ssh};

/// Progress messages a second.
const UPDATES_PER_SECOND: &str = "2";

/// Settings that all calls have in common.
#[derive(Debug)]
pub struct Settings {
    pub program: PathBuf,
    pub environment: Vec<(String, OsString)>,
    /// Before the subcommand.
    pub options: Vec<OsString>,
    pub holder: Holder,
    /// The directory of the repository, if it is on this machine.
    pub local: Option<PathBuf>,
    /// The URL may be told to anybody.
    pub is_public: bool,
    /// Log of ssh, if ssh is used.
    pub ssh_log: Option<ssh::Log>,
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
        let cache = &directories.cache;
        let mut environment = credentials::variables(plan, credentials)?;
        let mut set = |name: &str, value: OsString| {
            environment.retain(|(given, _)| given != name);
            environment.push((name.to_owned(), value));
        };
        let path = std::env::join_paths(&plan.provider.path)
            .context("provider.path has a directory with a colon in its name")?;
        set("PATH", path);
        set("HOME", cache.into());
        set("LANG", "C.UTF-8".into());
        set("RESTIC_CACHE_DIR", cache.into());
        set("RESTIC_PASSWORD_FILE", credentials.join("password").into());
        set("RESTIC_PROGRESS_FPS", UPDATES_PER_SECOND.into());
        let repository = if let Some(path) = &plan.repository.path {
            set("RESTIC_REPOSITORY", path.into());
            path.clone()
        } else {
            let file = credentials.join("repository");
            set("RESTIC_REPOSITORY_FILE", file.into());
            credentials::repository(credentials)?
        };
        let mut options = vec!["--stuck-request-timeout".into(), STUCK.into()];
        let mut ssh_log = None;
        if repository.starts_with("sftp:") {
            let log = ssh::Log::below(cache)?;
            let arguments = ssh::arguments(plan, credentials, &log)?;
            options.push("-o".into());
            options.push(format!("sftp.args={arguments}").into());
            ssh_log = Some(log);
        }
        Ok(Self {
            holder: provider::holder(plan, credentials, directories)?,
            local: plan.repository.local_path().map(Path::to_owned),
            is_public: plan.repository.path.is_some(),
            ssh_log,
            program: plan.provider.program.clone(),
            environment,
            options,
            password_file: plan.repository.credentials.password.clone(),
            password_generated: plan.repository.password_generated,
            instance: plan.instance.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::paths::Host;

    fn plan(repository: &str) -> Plan {
        let mut plan = crate::plan::fixture::good();
        plan["repository"]["path"] = repository.into();
        serde_json::from_value(plan).unwrap()
    }

    fn settings(repository: &str, environment: &str) -> Settings {
        let credentials = tempfile::tempdir().unwrap();
        fs::write(credentials.path().join("environment"), environment).unwrap();
        let directories = Host::new(credentials.path()).instance("myservice");
        Settings::new(&plan(repository), credentials.path(), &directories).unwrap()
    }

    fn value<'a>(settings: &'a Settings, name: &str) -> Vec<&'a str> {
        let named = settings
            .environment
            .iter()
            .filter(|(given, _)| given == name);
        named.map(|(_, value)| value.to_str().unwrap()).collect()
    }

    #[test]
    fn variables_of_the_user_come_along_but_do_not_replace_ours() {
        let settings = settings(
            "s3:https://host/bucket",
            "AWS_ACCESS_KEY_ID='a b'\nRESTIC_REPOSITORY=/elsewhere\n",
        );
        assert_eq!(value(&settings, "AWS_ACCESS_KEY_ID"), ["a b"]);
        assert_eq!(
            value(&settings, "RESTIC_REPOSITORY"),
            ["s3:https://host/bucket"]
        );
        assert_eq!(settings.options, ["--stuck-request-timeout", "2m"]);
    }

    #[test]
    fn only_sftp_needs_ssh() {
        let settings = settings("sftp:backup@host:/srv", "");
        let options = settings.options.last().unwrap().to_str().unwrap();
        assert!(
            options.starts_with("sftp.args=-E ") && options.contains(" -o BatchMode=yes"),
            "{options}"
        );
    }
}
