//! Errors for people: what is wrong, and what to do about it.

use std::fmt;

pub use crate::report::record::Problem;

impl Problem {
    /// A problem that someone can do something about.
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
            Some(remedy) => write!(formatter, " {}.", remedy.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}
