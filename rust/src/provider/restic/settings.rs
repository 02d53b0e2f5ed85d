//! How restic is called: its program, its environment, its options.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::outcome::Failure;
use crate::plan::Plan;

/// Progress messages a second.
const UPDATES_PER_SECOND: &str = "2";

/// What all calls have in common.
#[derive(Debug)]
pub struct Settings {
    pub program: PathBuf,
    pub environment: Vec<(String, OsString)>,
    /// Before the subcommand.
    pub options: Vec<OsString>,
    /// The password's file on the host, for messages.
    pub password_file: PathBuf,
    /// The password was generated on this machine.
    pub password_generated: bool,
}

impl Settings {
    pub fn new(plan: &Plan, credentials: &Path, cache: &Path) -> Result<Self, Failure> {
        let mut environment = given_variables(plan, credentials)?;
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
            set("RESTIC_REPOSITORY_FILE", file.clone().into());
            fs::read_to_string(&file)
                .with_context(|| format!("cannot read the credential {}", file.display()))?
        };
        let mut options = Vec::new();
        if repository.starts_with("sftp:") {
            let arguments = ssh_arguments(plan, credentials)?;
            options.push("-o".into());
            options.push(format!("sftp.args={arguments}").into());
        }
        Ok(Self {
            program: plan.provider.program.clone(),
            environment,
            options,
            password_file: plan.repository.credentials.password.clone(),
            password_generated: plan.repository.password_generated,
        })
    }
}

/// The variables of `repository.environmentFile`, such as an S3 key.
fn given_variables(
    plan: &Plan,
    credentials: &Path,
) -> Result<Vec<(String, OsString)>, anyhow::Error> {
    let Some(on_host) = &plan.repository.credentials.environment else {
        return Ok(Vec::new());
    };
    let text = fs::read_to_string(credentials.join("environment")).with_context(|| {
        format!(
            "cannot read repository.environmentFile {}",
            on_host.display()
        )
    })?;
    let variables = crate::env_file::parse(&text)
        .with_context(|| format!("repository.environmentFile {}", on_host.display()))?;
    Ok(variables
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect())
}

/// Arguments of ssh, in one word that restic splits like a shell. ssh may ask nobody,
/// and accepts no host that it was not told about.
fn ssh_arguments(plan: &Plan, credentials: &Path) -> Result<String, anyhow::Error> {
    let mut arguments = vec![
        "-o BatchMode=yes".to_owned(),
        "-o StrictHostKeyChecking=yes".to_owned(),
        "-o ServerAliveInterval=60".to_owned(),
    ];
    let quoted = |name: &str| -> Result<String, anyhow::Error> {
        let path = credentials.join(name);
        let path = path
            .to_str()
            .filter(|path| !path.contains(['\'', '"', '\\']))
            .context("the directory of credentials has a name that ssh cannot be given")?;
        Ok(path.to_owned())
    };
    if plan.repository.credentials.ssh_key.is_some() {
        arguments.push("-o IdentitiesOnly=yes".to_owned());
        arguments.push(format!("-i '{}'", quoted("ssh-key")?));
    }
    if plan.repository.credentials.ssh_known_hosts.is_some() {
        let file = quoted("ssh-known-hosts")?;
        arguments.push(format!("-o 'UserKnownHostsFile={file}'"));
        arguments.push("-o GlobalKnownHostsFile=/dev/null".to_owned());
    }
    Ok(arguments.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(repository: &str) -> Plan {
        let mut plan = crate::plan::fixture::good();
        plan["repository"]["path"] = repository.into();
        serde_json::from_value(plan).unwrap()
    }

    fn settings(repository: &str, environment: &str) -> Settings {
        let credentials = tempfile::tempdir().unwrap();
        fs::write(credentials.path().join("environment"), environment).unwrap();
        Settings::new(&plan(repository), credentials.path(), Path::new("/cache")).unwrap()
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
        assert!(settings.options.is_empty());
    }

    #[test]
    fn ssh_is_told_its_key_and_known_hosts_and_asks_nobody() {
        let settings = settings("sftp:backup@host:/srv", "");
        let options = settings.options[1].to_str().unwrap();
        for part in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "IdentitiesOnly=yes",
            "/ssh-key'",
            "/ssh-known-hosts'",
        ] {
            assert!(options.contains(part), "{part} in {options}");
        }
    }
}
