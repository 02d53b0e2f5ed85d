//! The executor of backupservice, as a library.

pub mod outcome;
pub mod paths;
pub mod plan;
pub mod report;
