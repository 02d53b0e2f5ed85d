//! Checks before anything is stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::incoming::Incoming;
use super::place::Wanted;
use crate::base::cancel::Cancel;
use crate::base::measure::size;
use crate::base::outcome::Failure;
use crate::plan::{Plan, Stream};
use crate::provider::{Provider, Snapshot};
use crate::report::Report;
use crate::run::observer::observed;
use crate::systemd::units::Units;

/// Checks that every unit is known to systemd, and that what is restored fits where it is
/// restored to. Paths, mounts and owners were looked at by [`Incoming::plan`].
///
/// # Errors
/// Something stands in the way, or cannot be found out.
pub fn check(
    plan: &Plan,
    incoming: &[Incoming],
    wanted: &Wanted,
    staging: &Path,
    snapshot: &Snapshot,
    provider: &dyn Provider,
    (units, cancel, report): (&dyn Units, &Cancel, &mut Report),
) -> Result<(), Failure> {
    let load = |stream: &Stream| stream.load_unit.clone();
    let hooks = plan.hooks.before_restore.iter();
    let hooks = hooks.chain(&plan.hooks.after_restore);
    let needed = plan.restore_units.iter().cloned();
    for unit in needed
        .chain(hooks.map(|hook| hook.unit.clone()))
        .chain(plan.streams.iter().map(load))
    {
        units.activity(&unit)?;
    }

    let mut places: BTreeMap<u64, (&Path, Vec<PathBuf>)> = BTreeMap::new();
    let dumps = wanted.dumps.iter().map(|dump| (staging, dump));
    let paths = incoming.iter().map(|item| (item.workplace(), &item.stored));
    for (place, stored) in paths.chain(dumps) {
        let place = existing(place);
        let device = rustix::fs::stat(place)
            .map_err(|error| unknown(place, &error.into()))?
            .st_dev;
        let (_, there) = places.entry(device).or_insert((place, Vec::new()));
        there.push(stored.clone());
    }
    for (place, paths) in places.into_values() {
        let space = rustix::fs::statvfs(place).map_err(|error| unknown(place, &error.into()))?;
        if space.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(Failure::new(
                format!("the file system of {} is read-only", place.display()),
                "mount it so that it can be written to, or restore elsewhere with --target",
            ));
        }
        // Some network file systems do not tell.
        if space.f_blocks == 0 {
            continue;
        }
        let needed = observed(report, cancel, |job| provider.size(snapshot, &paths, job))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        if needed > free {
            return Err(Failure::new(
                format!(
                    "the file system of {} has room for {}, and what is restored takes {}",
                    place.display(),
                    size(free),
                    size(needed)
                ),
                "free space there (safety copies of earlier restores are named .NAME.before-restore-TIME), or restore elsewhere with --target",
            ));
        }
    }
    Ok(())
}

/// The directory, or the innermost above it that exists.
fn existing(place: &Path) -> &Path {
    let mut ancestors = place.ancestors();
    ancestors
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"))
}

fn unknown(place: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        format!(
            "cannot find out how much space there is for {}: {error}",
            place.display()
        ),
        "check its file system",
    )
}
