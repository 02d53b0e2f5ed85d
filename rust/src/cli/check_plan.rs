//! `check-plan`: validates plans while the system is built, before one can reach a machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::plan::{Finding, Plan, Problems, StorePolicy};

/// Checks each plan, and that no two plans name the same instance.
///
/// # Errors
/// A file cannot be read; or all problems of all files, as one [`Problems`].
pub fn run(files: &[PathBuf], policy: StorePolicy) -> anyhow::Result<()> {
    let mut all = Vec::new();
    let mut instances = BTreeMap::new();
    for file in files {
        let shown = file.display();
        let of_file = |finding: Finding| Finding {
            field: format!("{shown}: {}", finding.field),
            ..finding
        };
        match Plan::load(file) {
            Ok(plan) => {
                if let Err(Problems(found)) = plan.check(policy) {
                    all.extend(found.into_iter().map(of_file));
                }
                if let Some(other) = instances.insert(plan.instance.clone(), shown.to_string()) {
                    all.push(of_file(Finding {
                        field: "instance".to_owned(),
                        problem: format!("`{}` is also used by {other}", plan.instance),
                        remedy: "Rename one of the instances".to_owned(),
                    }));
                }
            }
            Err(error) => match error.downcast::<Problems>() {
                Ok(Problems(found)) => all.extend(found.into_iter().map(of_file)),
                Err(error) => return Err(error),
            },
        }
    }
    if all.is_empty() {
        Ok(())
    } else {
        Err(Problems(all).into())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::plan::fixture::good;

    #[test]
    fn problems_of_all_files_are_reported_with_their_file() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let mut bad = good();
        bad["sources"] = json!([]);
        let files = [
            write("good.json", &good().to_string()),
            write("bad.json", &bad.to_string()),
            write("new.json", "{ \"version\": 2 }"),
        ];
        run(&files[..1], StorePolicy::Required).unwrap();
        let error = run(&files, StorePolicy::Required).unwrap_err();
        assert!(error.is::<Problems>());
        let place = format!("{}/", directory.path().display());
        expect![[r#"
            bad.json: sources: is empty, so nothing would be saved. Give at least one directory in sourceDirectories.
            bad.json: instance: `myservice` is also used by good.json. Rename one of the instances.
            new.json: version: is 2, but this executor understands version 1. Build the system and the executor from the same revision."#]].assert_eq(&error.to_string().replace(&place, ""));
    }

    #[test]
    fn a_missing_file_is_no_bad_plan() {
        let error = run(&["/nonexistent/plan.json".into()], StorePolicy::Required).unwrap_err();
        assert!(!error.is::<Problems>());
        expect![
            "cannot read the plan /nonexistent/plan.json: No such file or directory (os error 2)"
        ]
        .assert_eq(&format!("{error:#}"));
    }
}
