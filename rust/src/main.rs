//! The `backupservice` program.

fn main() {}
