//! What is said, and asked on a terminal, before a restore in place.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;

use crate::plan::Plan;
use crate::run::restore::request::Request;

/// Says what a restore in place replaces, and asks whether to go on if there is an `input`,
/// that of a terminal. Returns the answer: yes if nobody was asked.
///
/// # Errors
/// The question cannot be written, or the answer not be read.
pub fn in_place(
    plan: &Plan,
    request: &Request,
    input: Option<&mut dyn BufRead>,
    output: &mut dyn Write,
) -> io::Result<bool> {
    output.write_all(description(plan, request).as_bytes())?;
    let Some(input) = input else {
        return Ok(true);
    };
    write!(output, "Go on? [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if !yes {
        writeln!(output, "Nothing was restored.")?;
    }
    Ok(yes)
}

fn description(plan: &Plan, request: &Request) -> String {
    let places: &[PathBuf] = match &request.path {
        Some(path) => std::slice::from_ref(path),
        None => &plan.sources,
    };
    let mut lines = vec![format!(
        "This replaces, in place: {}.",
        list(places.iter().map(|path| path.display().to_string()))
    )];
    let streams = plan.streams.iter().map(|stream| stream.name.clone());
    if request.path.is_none() && !plan.streams.is_empty() {
        lines.push(format!(
            "It loads these streams over what there is: {}.",
            list(streams)
        ));
    }
    if !plan.restore_units.is_empty() {
        let units = plan.restore_units.iter().cloned();
        lines.push(format!("It stops meanwhile: {}.", list(units)));
    }
    lines.push(
        "The files of now are kept beside, as .NAME.before-restore-TIME. To restore elsewhere, \
         use --target."
            .to_owned(),
    );
    lines.join("\n") + "\n"
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn plan() -> Plan {
        serde_json::from_value(crate::plan::fixture::good()).unwrap()
    }

    fn asked(request: &Request, answer: Option<&str>) -> (bool, String) {
        let mut input = answer.map(str::as_bytes);
        let input = input.as_mut().map(|input| input as &mut dyn BufRead);
        let mut output = Vec::new();
        let goes_on = in_place(&plan(), request, input, &mut output).unwrap();
        (goes_on, String::from_utf8(output).unwrap())
    }

    #[test]
    fn what_is_replaced_is_said_and_asked_for() {
        let (goes_on, text) = asked(&Request::whole("latest"), Some("y\n"));
        assert!(goes_on);
        expect![[r#"
            This replaces, in place: /var/lib/myservice, /srv/myservice.
            It loads these streams over what there is: database.
            It stops meanwhile: myservice.service, phpfpm-my\x2dservice.service.
            The files of now are kept beside, as .NAME.before-restore-TIME. To restore elsewhere, use --target.
            Go on? [y/N] "#]].assert_eq(&text);
        let one = Request {
            path: Some("/var/lib/myservice/a".into()),
            ..Request::whole("latest")
        };
        let (goes_on, text) = asked(&one, Some("\n"));
        assert!(!goes_on);
        expect![[r#"
            This replaces, in place: /var/lib/myservice/a.
            It stops meanwhile: myservice.service, phpfpm-my\x2dservice.service.
            The files of now are kept beside, as .NAME.before-restore-TIME. To restore elsewhere, use --target.
            Go on? [y/N] Nothing was restored.
        "#]].assert_eq(&text);
    }

    #[test]
    fn nobody_is_asked_without_a_terminal_and_silence_is_no_consent() {
        let request = Request::whole("latest");
        let (goes_on, text) = asked(&request, None);
        assert!(goes_on && !text.contains("Go on?"), "{text}");
        for answer in ["", "n\n", "yesterday\n"] {
            assert!(!asked(&request, Some(answer)).0, "{answer:?}");
        }
        assert!(asked(&request, Some(" Yes\n")).0);
    }
}
