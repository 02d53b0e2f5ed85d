//! Arguments of ssh for all providers: no prompts, no unknown hosts.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::base::paths::remove_if_there;
use crate::plan::Plan;
use crate::provider::trouble;

/// Log file of ssh: providers exit without having read all of ssh's output.
#[derive(Debug)]
pub struct Log(PathBuf);

impl Log {
    /// A file below `directory`, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn below(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let name = format!("ssh-{}.log", std::process::id());
        Ok(Self(directory.join(name)))
    }

    /// Returns ssh's output by line, and removes the file.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn take(&self) -> Result<Vec<Vec<u8>>> {
        let text = match fs::read(&self.0) {
            // ssh had nothing to say.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.with_context(|| format!("cannot read {}", self.0.display()))?,
        };
        remove_if_there(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))?;
        let lines = text.split(|byte| *byte == b'\n');
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect())
    }
}

/// What ssh said last: of many lines, that is its refusal.
#[must_use]
pub fn refusal(lines: &[Vec<u8>]) -> Option<String> {
    let mut texts = lines.iter().rev().map(|line| trouble::printable(line));
    texts.find(|text| !text.is_empty())
}

/// Arguments of ssh, in one text that is to be split like a shell's.
///
/// # Errors
/// A directory has a name that cannot be quoted.
pub fn arguments(plan: &Plan, credentials: &Path, log: &Log) -> Result<String> {
    let mut arguments = vec![
        format!("-E {}", quoted(&log.0)?),
        "-o BatchMode=yes".to_owned(),
        "-o StrictHostKeyChecking=yes".to_owned(),
        "-o ConnectTimeout=60".to_owned(),
        "-o ServerAliveInterval=60".to_owned(),
    ];
    if plan.repository.credentials.ssh_key.is_some() {
        arguments.push("-o IdentitiesOnly=yes".to_owned());
        arguments.push(format!("-i {}", quoted(&credentials.join("ssh-key"))?));
    }
    if plan.repository.credentials.ssh_known_hosts.is_some() {
        let file = credentials.join("ssh-known-hosts");
        let option = format!("UserKnownHostsFile={}", plain(&file)?);
        arguments.push(format!("-o '{option}'"));
        arguments.push("-o GlobalKnownHostsFile=/dev/null".to_owned());
    }
    Ok(arguments.join(" "))
}

/// The path, so that splitting like a shell's gives it back.
///
/// # Errors
/// It cannot be quoted.
pub fn quoted(path: &Path) -> Result<String> {
    Ok(format!("'{}'", plain(path)?))
}

fn plain(path: &Path) -> Result<&str> {
    path.to_str()
        .filter(|path| !path.contains(['\'', '"', '\\']))
        .context("the directory of credentials has a name that cannot be quoted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_refusal() {
        let lines = ["Warning: x", "u@h: Permission denied (publickey).\r", "\r"];
        let lines = lines.map(|line| line.as_bytes().to_vec());
        let refusal = super::refusal(&lines).unwrap();
        assert_eq!(refusal, "u@h: Permission denied (publickey).");
        assert_eq!(super::refusal(&[]), None);
    }

    #[test]
    fn ssh_is_told_its_key_and_known_hosts_and_asks_nobody() {
        let plan = serde_json::from_value(crate::plan::fixture::good()).unwrap();
        let log = Log("/state/ssh.log".into());
        assert_eq!(
            arguments(&plan, Path::new("/run/my credentials"), &log).unwrap(),
            "-E '/state/ssh.log' -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=60 \
             -o ServerAliveInterval=60 \
             -o IdentitiesOnly=yes -i '/run/my credentials/ssh-key' \
             -o 'UserKnownHostsFile=/run/my credentials/ssh-known-hosts' \
             -o GlobalKnownHostsFile=/dev/null"
        );
        assert!(arguments(&plan, Path::new("/it's"), &log).is_err());
    }
}
