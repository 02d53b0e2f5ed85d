//! Errors for users: problem and remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A problem with its remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One sentence with the field or path and its value.
    pub message: String,
    /// Remedy as an instruction, if there is one.
    pub remedy: Option<String>,
}

impl Problem {
    /// A problem with a remedy.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// `Message. Remedy.`
impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.", self.message.trim_end_matches('.'))?;
        match &self.remedy {
            Some(remedy) => write!(formatter, " {}.", capitalised(remedy).trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
