//! The executor of backupservice, as a library.

pub mod env_file;
pub mod outcome;
pub mod paths;
pub mod plan;
pub mod problem;
pub mod report;
pub mod store_path;
