//! The executor of backupservice, as a library.

pub mod backup;
pub mod cancel;
pub mod check_plan;
pub mod env_file;
pub mod guards;
pub mod hooks;
pub mod intent;
pub mod invocation;
pub mod lock;
pub mod measure;
pub mod outcome;
pub mod paths;
pub mod plan;
pub mod prepare;
pub mod problem;
pub mod process;
pub mod provider;
pub mod quiesce;
pub mod recover;
pub mod report;
pub mod staging;
pub mod store_path;
pub mod units;
pub mod watch;
