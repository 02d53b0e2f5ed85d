//! Push messages, mail and chat with Apprise, one URL at a time: called with several, it fails
//! as a whole if any of them does.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::call;
use crate::base::paths::remove_if_there;
use crate::base::problem::Problem;
use crate::base::process::Command;
use crate::watch::events::{Event, EventKind};

/// Reads the URLs in a credential. A file that is no plain list of URLs is one address.
pub(super) fn addresses(credential: &Path) -> Result<Vec<String>, Problem> {
    let text = call::secret(credential)?;
    let lines = text.lines().map(str::trim);
    let urls: Vec<String> = lines
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
        .map(str::to_owned)
        .collect();
    let is_list = urls
        .iter()
        .all(|url| url.contains("://") && !url.starts_with(['-', '"', '\'']));
    Ok(if is_list && !urls.is_empty() {
        urls
    } else {
        vec![text]
    })
}

/// Sends an event to one address. `scratch` is a directory that only this user can read.
pub(super) fn send(
    program: &Path,
    url: &str,
    scratch: &Path,
    event: &Event,
) -> Result<(), Problem> {
    let kind = match event.kind {
        kind if kind.is_good() => "success",
        EventKind::Test => "info",
        EventKind::Incomplete | EventKind::CleanupFailed | EventKind::Unknown => "warning",
        _ => "failure",
    };
    // Every user can read arguments, and standard input is the message.
    let config = scratch.join("apprise-url");
    let writing = |error: std::io::Error| {
        Problem::new(
            format!("cannot write {}: {error}", config.display()),
            "Make room in /run, which is in memory",
        )
    };
    write_secret(&config, url).map_err(writing)?;
    let arguments = [
        format!("--config={}", config.display()),
        format!("--title={}", event.title),
        format!("--notification-type={kind}"),
        "--input-format=text".to_owned(),
    ];
    let command = Command {
        program: program.to_owned(),
        arguments: arguments.map(Into::into).into(),
        environment: call::environment(),
        input: event.body().into_bytes(),
        ..Command::default()
    };
    let result = call::call(&command, url);
    remove_if_there(&config).map_err(writing)?;
    result
}

fn write_secret(path: &Path, url: &str) -> std::io::Result<()> {
    remove_if_there(path)?;
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{url}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_an_address_unless_it_is_another_format() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("apprise-phone");
        let count = |text: &str| {
            fs::write(&file, text).unwrap();
            addresses(&file).unwrap().len()
        };
        assert_eq!(count("# phone\nntfys://a/b\n\nme=mailto://c:d@e\n"), 2);
        assert_eq!(count("urls:\n  - json://a\n  - json://b\n"), 1);
        assert_eq!(count("include /etc/apprise\njson://a\n"), 1);
        fs::write(&file, "\n").unwrap();
        assert!(addresses(&file).is_err());
    }
}
