//! Checks before anything is stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::incoming::Incoming;
use super::owners;
use super::place::Wanted;
use crate::base::cancel::Cancel;
use crate::base::measure::size;
use crate::base::outcome::Failure;
use crate::base::owners::Owners;
use crate::plan::{Plan, Stream};
use crate::provider::{Contents, Provider, Snapshot};
use crate::report::Report;
use crate::run::observer::observed;
use crate::systemd::units::Units;

/// Checks that every unit is known to systemd, and that what is restored fits where it is
/// restored to and may have its owners there. Paths and mounts were looked at by
/// [`Incoming::plan`]. Returns the owners of all but the dumps.
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
) -> Result<Owners, Failure> {
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

    let mut places: BTreeMap<u64, Destination<'_>> = BTreeMap::new();
    let dumps = wanted.dumps.iter().map(|dump| (staging, dump, true));
    let paths = incoming.iter();
    let paths = paths.map(|item| (item.workplace(), &item.stored, false));
    for (place, stored, is_dump) in paths.chain(dumps) {
        let place = existing(place);
        let device = rustix::fs::stat(place)
            .map_err(|error| unknown(place, &error.into()))?
            .st_dev;
        let there = places.entry(device).or_insert(Destination {
            place,
            paths: Vec::new(),
            dumps: Vec::new(),
        });
        if is_dump {
            there.dumps.push(stored.clone());
        } else {
            there.paths.push(stored.clone());
        }
    }
    let mut owners = Owners::default();
    for Destination {
        place,
        paths,
        dumps,
    } in places.into_values()
    {
        let space = rustix::fs::statvfs(place).map_err(|error| unknown(place, &error.into()))?;
        if space.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(Failure::new(
                format!("the file system of {} is read-only", place.display()),
                "mount it so that it can be written to, or restore elsewhere with --target",
            ));
        }
        let mut contents = |paths: &[PathBuf]| {
            if paths.is_empty() {
                return Ok(Contents::default());
            }
            observed(report, cancel, |job| {
                provider.contents(snapshot, paths, job)
            })
        };
        let files = contents(&paths)?;
        owners::check_place(&files.owners, place, &plan.instance)?;
        owners.extend(&files.owners);
        let needed = files.bytes.saturating_add(contents(&dumps)?.bytes);
        // Some network file systems do not tell.
        if space.f_blocks == 0 {
            continue;
        }
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
    Ok(owners)
}

/// What goes to one file system.
struct Destination<'a> {
    /// A directory on it.
    place: &'a Path,
    paths: Vec<PathBuf>,
    dumps: Vec<PathBuf>,
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
