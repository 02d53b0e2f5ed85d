//! How ssh is called for any provider: it may ask nobody, and accepts no host that it
//! was not told about.

use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::Plan;

/// Arguments of ssh, in one text that is to be split like a shell's.
///
/// # Errors
/// The directory of credentials has a name that cannot be quoted.
pub fn arguments(plan: &Plan, credentials: &Path) -> Result<String> {
    let mut arguments = vec![
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
    fn ssh_is_told_its_key_and_known_hosts_and_asks_nobody() {
        let plan = serde_json::from_value(crate::plan::fixture::good()).unwrap();
        assert_eq!(
            arguments(&plan, Path::new("/run/my credentials")).unwrap(),
            "-o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=60 \
             -o ServerAliveInterval=60 \
             -o IdentitiesOnly=yes -i '/run/my credentials/ssh-key' \
             -o 'UserKnownHostsFile=/run/my credentials/ssh-known-hosts' \
             -o GlobalKnownHostsFile=/dev/null"
        );
        assert!(arguments(&plan, Path::new("/it's")).is_err());
    }
}
