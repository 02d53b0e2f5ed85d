//! The executor of backupservice, as a library.

pub mod cancel;
pub mod check_plan;
pub mod cli;
pub mod env_file;
pub mod measure;
pub mod mounts;
pub mod outcome;
pub mod paths;
pub mod plan;
pub mod prepare;
pub mod problem;
pub mod process;
pub mod provider;
pub mod report;
pub mod secrets;
pub mod status;
pub mod store_path;
pub mod units;
