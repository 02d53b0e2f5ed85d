//! Parsing of plans, with errors that name field, value and remedy.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::check::{Finding, Problems};
use super::{Plan, VERSION};

const SAME_REVISION: &str = "Build the system and the executor from the same revision";

impl Plan {
    /// Reads the plan in `path`.
    ///
    /// # Errors
    /// The file cannot be read; or, as [`Problems`], it is not a valid plan.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the plan {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not a plan", path.display()))
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// The text is not JSON, has another version, or has unknown, missing or ill-typed fields.
    /// The version is checked first, since it explains all other errors.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| problem("(document)", &format!("not JSON: {error}"), SAME_REVISION))?;
        check_version(&value)?;
        serde_path_to_error::deserialize(value).map_err(|error| {
            let message = error.inner().to_string();
            let field = match error.path().to_string() {
                path if path == "." => "(document)".to_owned(),
                path => path,
            };
            let remedy = if message.starts_with("unknown variant") {
                "Choose one that this executor knows"
            } else {
                SAME_REVISION
            };
            problem(&field, &message, remedy)
        })
    }
}

fn check_version(plan: &Value) -> Result<(), Problems> {
    match plan.get("version") {
        Some(Value::Number(version)) if version.as_u64() == Some(u64::from(VERSION)) => Ok(()),
        Some(version) => Err(problem(
            "version",
            &format!("is {version}, but this executor understands version {VERSION}"),
            SAME_REVISION,
        )),
        None => Err(problem("version", "missing", SAME_REVISION)),
    }
}

fn problem(field: &str, problem: &str, remedy: &str) -> Problems {
    Problems(vec![Finding::new(field, problem, remedy)])
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::super::fixture::good;
    use super::*;

    #[test]
    fn a_good_plan_is_read() {
        let plan = Plan::parse(&good().to_string()).unwrap();
        assert_eq!(plan.instance, "myservice");
    }

    #[test]
    fn errors_name_field_value_and_remedy() {
        let mut messages = String::new();
        for (pointer, value) in [
            ("/version", json!(2)),
            ("/version", json!("1")),
            ("/instance", json!(null)),
            ("/sources", json!("/var/lib/myservice")),
            ("/provider/type", json!("tar")),
            ("/hooks/beforeBackup/0/unit", json!(["a"])),
            ("/repository/credentials/password", json!(7)),
        ] {
            let mut plan = good();
            *plan.pointer_mut(pointer).unwrap() = value;
            messages += &refusal(&plan.to_string());
        }
        for (pointer, field) in [
            ("", "colour"),
            ("/repository/credentials", "sshkey"),
            ("/hooks/beforeBackup/0", "user"),
        ] {
            let mut plan = good();
            plan.pointer_mut(pointer).unwrap()[field] = json!("x");
            messages += &refusal(&plan.to_string());
        }
        let mut plan = good();
        plan["provider"].as_object_mut().unwrap().remove("program");
        messages += &refusal(&plan.to_string());
        messages += &refusal("{\"version\": 2, \"new\": true}");
        messages += &refusal("{}");
        messages += &refusal("[]");
        messages += &refusal("{\"version\": 1");
        expect![[r#"
            version: is 2, but this executor understands version 1. Build the system and the executor from the same revision.
            version: is "1", but this executor understands version 1. Build the system and the executor from the same revision.
            instance: invalid type: null, expected a string. Build the system and the executor from the same revision.
            sources: invalid type: string "/var/lib/myservice", expected a sequence. Build the system and the executor from the same revision.
            provider.type: unknown variant `tar`, expected `borg` or `restic`. Choose one that this executor knows.
            hooks.beforeBackup[0].unit: invalid type: sequence, expected a string. Build the system and the executor from the same revision.
            repository.credentials.password: invalid type: integer `7`, expected path string. Build the system and the executor from the same revision.
            colour: unknown field `colour`, expected one of `version`, `instance`, `host`, `provider`, `repository`, `sources`, `exclude`, `oneFileSystem`, `streams`, `hooks`, `quiesce`, `restoreUnits`, `startable`, `retention`, `maintenance`, `guards`, `conditions`, `maxConcurrent`, `schedule`. Build the system and the executor from the same revision.
            repository.credentials.sshkey: unknown field `sshkey`, expected one of `password`, `repository`, `environment`, `sshKey`, `sshKnownHosts`. Build the system and the executor from the same revision.
            hooks.beforeBackup[0].user: unknown field `user`, expected `name` or `unit`. Build the system and the executor from the same revision.
            provider: missing field `program`. Build the system and the executor from the same revision.
            version: is 2, but this executor understands version 1. Build the system and the executor from the same revision.
            version: missing. Build the system and the executor from the same revision.
            version: missing. Build the system and the executor from the same revision.
            (document): not JSON: EOF while parsing an object at line 1 column 13. Build the system and the executor from the same revision.
        "#]].assert_eq(&messages);
    }

    fn refusal(text: &str) -> String {
        format!("{}\n", Plan::parse(text).unwrap_err())
    }
}
