//! The order of things: what each unit of an instance does, from start to end.

pub mod backup;
pub mod browse;
pub mod conditions;
pub mod existence;
pub mod exists;
pub mod guards;
pub mod hook;
pub mod identity;
pub mod invocation;
pub mod locked;
pub mod locks;
pub mod maintain;
pub mod observer;
pub mod prepare;
pub mod recover;
pub mod restore;
pub mod secrets;
pub mod shrink;
pub mod snapshots;
pub mod unverified;
