//! Errors for users: problem and remedy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A problem with its remedy. Whoever has an account on the machine may read both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One sentence with the field or path and its value.
    pub message: String,
    /// Remedy as an instruction, if there is one.
    pub remedy: Option<String>,
    /// Names of private files and the like, for the journal.
    #[serde(skip)]
    pub details: Option<Private>,
}

impl Problem {
    /// A problem with a remedy.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::without_remedy(message)
        }
    }

    /// A problem whose remedy is not known.
    pub fn without_remedy(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            remedy: None,
            details: None,
        }
    }

    /// Adds what may name private files.
    #[must_use]
    pub fn with_details(self, details: Option<Private>) -> Self {
        Self { details, ..self }
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

/// Text that only readers of the journal may see. It cannot be formatted or serialised, so
/// that no record, event or property contains it by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct Private(String);

impl Private {
    /// Takes the text into custody.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for messages to the journal and nothing else; a test looks for other callers.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Private")
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_in_no_text_of_a_problem() {
        let problem = Problem::new("some", "look").with_details(Some(Private::new("secret")));
        let json = serde_json::to_string(&problem).unwrap();
        assert_eq!(json, r#"{"message":"some","remedy":"look"}"#);
        assert_eq!(problem.to_string(), "some. Look.");
        assert!(!format!("{problem:?}").contains("secret"));
        assert_eq!(problem.details.unwrap().reveal(), "secret");
    }
}
