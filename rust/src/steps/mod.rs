//! The steps of a run that act on other units, and how each is undone.

pub mod claims;
pub mod hook_facts;
pub mod hooks;
pub mod journal;
pub mod quiesce;
pub mod restore_names;
pub mod streams;
pub mod undo;
