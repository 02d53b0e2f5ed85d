//! Calls of programs with secret URLs.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::base::cancel::Cancel;
use crate::base::problem::Problem;
use crate::base::process::{self, Command, Line};
use crate::provider::trouble::printable;

/// Limit of one call, so that an unreachable server does not block other channels.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Minimum length of the words of a URL that are treated as secret.
const SECRET: usize = 6;

/// Reads the URLs in a credential; their words are removed from all messages.
pub(super) fn secret(file: &Path) -> Result<String, Problem> {
    let remedy = || {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let option = name.replacen('-', ".", 1);
        format!("Write the URL into the file set in backupservice.notify.{option}.urlFile")
    };
    let text = fs::read_to_string(file)
        .map_err(|error| Problem::new(format!("cannot read the URL file: {error}"), remedy()))?;
    if text.trim().is_empty() {
        let message = "the URL file is missing or empty";
        return Err(Problem::new(message, remedy()));
    }
    Ok(text)
}

/// Runs a program that must succeed within [`TIMEOUT`].
pub(super) fn call(command: &Command, secret: &str) -> Result<(), Problem> {
    let cancel = Cancel::default();
    let watchdog = cancel.clone();
    thread::spawn(move || {
        thread::sleep(TIMEOUT);
        watchdog.request();
    });
    let mut last_line = String::new();
    let exit = process::run(command, &cancel, &mut |line| {
        let (Line::Out(line) | Line::Err(line)) = line;
        let line = printable(&line);
        if !line.is_empty() {
            last_line = line;
        }
    });
    let remedy = "It is retried every 15 minutes, or now with \
                  `systemctl start backupservice-watch.service`";
    let exit = exit.map_err(|error| Problem::new(format!("{error:#}"), remedy))?;
    let name = command
        .program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let output = redacted(&last_line, secret);
    match exit.code {
        Some(0) => Ok(()),
        _ if exit.cancelled => {
            let message = format!("{name} did not finish within {} s", TIMEOUT.as_secs());
            Err(Problem::new(message, remedy))
        }
        Some(code) => {
            let message = format!("{name} failed with exit status {code}: {output}");
            Err(Problem::new(message, remedy))
        }
        None => Err(Problem::new(format!("{name} was killed"), remedy)),
    }
}

/// Environment variables that programs need to find servers and certificates.
pub(super) fn environment() -> Vec<(String, std::ffi::OsString)> {
    let kept = ["PATH", "HOME", "SSL_CERT_FILE", "NIX_SSL_CERT_FILE"];
    let kept = kept
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
    kept.chain([("LANG".to_owned(), "C.UTF-8".into())])
        .collect()
}

/// Replaces the words of a secret in a message.
fn redacted(message: &str, secret: &str) -> String {
    let mut words: Vec<&str> = secret.split(|c: char| !c.is_alphanumeric()).collect();
    words.retain(|word| word.len() >= SECRET);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.iter().fold(message.to_owned(), |message, word| {
        message.replace(word, "…")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_a_url_gets_into_a_message() {
        let url = "ntfys://hunter2hunter@example.org/topic-secretpart?x=1\n";
        let message = "could not reach example.org: secretpart of hunter2hunter refused";
        assert_eq!(
            redacted(message, url),
            "could not reach ….org: … of … refused"
        );
    }

    #[test]
    fn a_failure_has_status_and_redacted_output() {
        let shell = |script: &str| Command {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            input: b"topsecret".to_vec(),
            ..Command::default()
        };
        assert!(call(&shell("grep -q topsecret"), "topsecret").is_ok());
        let error = call(&shell("cat; echo >&2; exit 3"), "topsecret").unwrap_err();
        assert_eq!(error.message, "sh failed with exit status 3: …");
        // What a server says is not for the terminal of whoever reads the status.
        let error = call(
            &shell("printf 'a\\033[2Jb\\000c\\007\\n'; exit 3"),
            "topsecret",
        )
        .unwrap_err();
        assert_eq!(
            error.message,
            "sh failed with exit status 3: ab\u{fffd}c\u{fffd}"
        );
    }
}
