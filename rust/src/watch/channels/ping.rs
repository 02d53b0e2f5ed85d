//! Health services, such as healthchecks.io: requests the URL on success, and with `/fail`
//! appended on failure.

use std::fmt::Write;
use std::path::Path;

use super::Health;
use super::call;
use crate::base::problem::Problem;
use crate::base::process::Command;

/// Maximum length of the body in characters: about what such services keep.
const BODY: usize = 9_000;

/// Requests the URL in a file, with the health as body.
pub(super) fn ping(program: &Path, file: &Path, health: &Health) -> Result<(), Problem> {
    let secret = call::secret(file)?;
    let url = url(secret.trim(), health.healthy)?;
    // On standard input, since every user can read arguments.
    let command = Command {
        program: program.to_owned(),
        arguments: vec!["--disable".into(), "--config".into(), "-".into()],
        environment: call::environment(),
        input: settings(&url, &health.body).into_bytes(),
        ..Command::default()
    };
    call::call(&command, &secret)
}

fn url(base: &str, healthy: bool) -> Result<String, Problem> {
    let lower = base.to_ascii_lowercase();
    let is_web = lower.starts_with("https://") || lower.starts_with("http://");
    if !is_web || base.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Problem::new(
            "the URL file does not contain a single http:// or https:// URL",
            "Write one URL into the file, such as https://hc-ping.com/UUID",
        ));
    }
    if healthy {
        return Ok(base.to_owned());
    }
    let (path, query) = base.split_at(base.find(['?', '#']).unwrap_or(base.len()));
    Ok(format!("{}/fail{query}", path.trim_end_matches('/')))
}

/// Options in the syntax of curl's configuration file.
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
    fn failure_appends_to_the_path() {
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
