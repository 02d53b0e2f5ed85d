//! The executor of backupservice, as a library.

pub mod outcome;
pub mod plan;
