//! Inputs of one invocation of a unit.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::base::cancel::Cancel;
use crate::base::outcome::Failure;
use crate::base::paths::{Host, InstancePaths};
use crate::plan::Plan;
use crate::provider::{self, Provider};
use crate::systemd::inhibitor::{self, Inhibitor};
use crate::systemd::units::Units;

/// Opens the provider of a plan; see [`provider::open`].
pub type Open<'a> = dyn Fn(&Plan, &Path, &InstancePaths) -> Result<Box<dyn Provider>, Failure> + 'a;

/// One invocation of a unit of ours.
pub struct Invocation<'a> {
    /// The instance's directories.
    pub directories: InstancePaths,
    /// systemd's id of this invocation; also the id of the run.
    pub id: String,
    /// The directory of the unit's credentials.
    pub credentials: PathBuf,
    /// systemd.
    pub units: &'a dyn Units,
    /// Set when the unit is to stop.
    pub cancel: &'a Cancel,
    /// Opens the provider.
    pub open: &'a Open<'a>,
    /// Keeps the machine awake, for the reason given: see [`inhibitor::inhibit`].
    pub keep_awake: fn(&str) -> Option<Inhibitor>,
}

impl<'a> Invocation<'a> {
    /// The invocation that this process is part of.
    ///
    /// # Errors
    /// The process was not started by systemd with credentials.
    pub fn current(
        host: &Host,
        instance: &str,
        units: &'a dyn Units,
        cancel: &'a Cancel,
    ) -> anyhow::Result<Self> {
        let variable = |name: &str| {
            std::env::var(name).with_context(|| {
                format!(
                    "{name} is not set: only systemd may start this; use `backupservice run {instance}`"
                )
            })
        };
        Ok(Self {
            directories: host.instance(instance),
            id: variable("INVOCATION_ID")?,
            credentials: variable("CREDENTIALS_DIRECTORY")?.into(),
            units,
            cancel,
            open: &provider::open,
            keep_awake: inhibitor::inhibit,
        })
    }
}
