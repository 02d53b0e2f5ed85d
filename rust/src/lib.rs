//! The executor of backupservice, as a library.

pub mod cancel;
pub mod measure;
pub mod outcome;
pub mod paths;
pub mod plan;
pub mod process;
pub mod report;
