//! Foundation of all other modules: outcomes, paths, processes, locks.

pub mod attributes;
pub mod bus_names;
pub mod cancel;
pub mod directory;
pub mod env_file;
pub mod lock;
pub mod measure;
pub mod mounts;
pub mod outcome;
pub mod owners;
pub mod paths;
pub mod printable;
pub mod problem;
pub mod process;
pub mod real_path;
pub mod unit_names;
pub mod untrusted;
