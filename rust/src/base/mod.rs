//! Foundation of all other modules: outcomes, paths, processes, locks.

pub mod cancel;
pub mod env_file;
pub mod lock;
pub mod measure;
pub mod mounts;
pub mod outcome;
pub mod paths;
pub mod problem;
pub mod process;
pub mod unit_names;
pub mod untrusted;
