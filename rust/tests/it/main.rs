//! Tests of the executor as a whole: one program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

#[macro_use]
mod common;

mod after_a_crash;
mod borg;
mod borg_after_a_crash;
mod borg_over_ssh;
mod browse;
mod bus;
mod cli;
mod excludes;
mod fidelity;
mod hostile_restore;
mod hosts;
mod layers;
mod locks;
mod maintenance;
mod order_of_a_backup;
mod order_of_a_maintenance;
mod order_of_a_restore;
mod private_names;
mod proof;
mod providers;
mod restic;
mod status;
mod systemd;
