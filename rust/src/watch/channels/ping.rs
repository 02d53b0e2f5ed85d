//! Services that expect to be pinged, such as healthchecks.io: the URL for success, and
//! with `/fail` appended for failure.

use std::fmt::Write;
use std::path::Path;

use super::Ping;
use super::call;
use crate::base::problem::Problem;
use crate::base::process::Command;

/// As much as such services keep.
const BODY: usize = 9_000;

/// Requests the URL in a file.
pub(super) fn ping(program: &Path, file: &Path, ping: &Ping) -> Result<(), Problem> {
    let secret = call::secret(file)?;
    let url = url(secret.trim(), ping.well)?;
    // On standard input: everybody can see arguments.
    let command = Command {
        program: program.to_owned(),
        arguments: vec!["--disable".into(), "--config".into(), "-".into()],
        environment: call::environment(),
        input: settings(&url, &ping.body).into_bytes(),
        ..Command::default()
    };
    call::call(&command, &secret)
}

fn url(base: &str, well: bool) -> Result<String, Problem> {
    let lower = base.to_ascii_lowercase();
    let is_web = lower.starts_with("https://") || lower.starts_with("http://");
    if !is_web || base.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Problem::new(
            "its URL is not one line that begins with https:// or http://",
            "Put one such URL into the file, such as https://hc-ping.com/UUID",
        ));
    }
    if well {
        return Ok(base.to_owned());
    }
    let (path, query) = base.split_at(base.find(['?', '#']).unwrap_or(base.len()));
    Ok(format!("{}/fail{query}", path.trim_end_matches('/')))
}

/// What curl is to do, in the syntax of its configuration.
fn settings(url: &str, body: &str) -> String {
    let body: String = body.chars().take(BODY).collect();
    let mut text = "silent\nshow-error\nfail\nmax-time = 30\nproto = \"=http,https\"\noutput = \"/dev/null\"\n".to_owned();
    let _ = writeln!(text, "url = {}", quoted(url));
    let _ = writeln!(text, "data-raw = {}", quoted(&body));
    text += "header = \"Content-Type: text/plain; charset=utf-8\"\n";
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' | '\0' => {}
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_has_a_url_of_its_own() {
        let fail = |base| url(base, false).unwrap();
        assert_eq!(fail("https://hc-ping.com/1"), "https://hc-ping.com/1/fail");
        assert_eq!(fail("https://hc-ping.com/1/"), "https://hc-ping.com/1/fail");
        assert_eq!(fail("HTTP://x/1?a=b"), "HTTP://x/1/fail?a=b");
        assert_eq!(url("https://x/1?a=b", true).unwrap(), "https://x/1?a=b");
    }

    #[test]
    fn only_the_web_is_pinged() {
        for base in [
            "file:///etc/shadow",
            "hc-ping.com/1",
            "https://a\nhttps://b",
            "https://a b",
        ] {
            assert!(url(base, true).is_err(), "{base}");
        }
    }

    #[test]
    fn a_body_stays_a_body() {
        let text = settings("https://x/1", "@/etc/passwd\n\"\noutput = \"/etc/x\\");
        assert!(
            text.contains("\ndata-raw = \"@/etc/passwd\\n\\\"\\noutput = \\\"/etc/x\\\\\"\n"),
            "{text}"
        );
    }
}
