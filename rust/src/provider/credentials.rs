//! The unit's credentials, except for the password.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::Plan;

/// Reads the variables of `repository.environmentFile`, such as an S3 key.
///
/// # Errors
/// The file cannot be read, or is not in the syntax of systemd's `EnvironmentFile=`.
pub fn variables(plan: &Plan, credentials: &Path) -> Result<Vec<(String, OsString)>> {
    let Some(on_host) = &plan.repository.credentials.environment else {
        return Ok(Vec::new());
    };
    let text = fs::read_to_string(credentials.join("environment")).with_context(|| {
        format!(
            "cannot read repository.environmentFile {}",
            on_host.display()
        )
    })?;
    let variables = crate::base::env_file::parse(&text)
        .with_context(|| format!("repository.environmentFile {}", on_host.display()))?;
    Ok(variables
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect())
}

/// Reads the path or URL in `repository.pathFile`.
///
/// # Errors
/// The file cannot be read.
pub fn repository(credentials: &Path) -> Result<String> {
    let file = credentials.join("repository");
    let text = fs::read_to_string(&file)
        .with_context(|| format!("cannot read the credential {}", file.display()))?;
    Ok(text.trim().to_owned())
}
