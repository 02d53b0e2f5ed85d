//! Paths to restore, and their destinations.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;

use super::request::{Caller, Request};
use crate::base::directory;
use crate::base::outcome::{Failure, FailureKind};
use crate::base::problem::Problem;
use crate::base::real_path::{self, Directory, LastLink};
use crate::plan::Plan;

/// Parts of a snapshot to restore.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Directories and files.
    pub paths: Vec<PathBuf>,
    /// Dumps of databases.
    pub dumps: Vec<PathBuf>,
}

/// Selects the parts of the plan that the request asks for.
pub fn wanted(plan: &Plan, request: &Request, staging: &Path) -> Result<Wanted, Failure> {
    if let Some(target) = &request.target {
        absolute("--target", target)?;
    }
    let dumps = plan.streams.iter().map(|stream| staging.join(&stream.name));
    let Some(path) = &request.path else {
        return Ok(Wanted {
            paths: outermost(&plan.sources),
            dumps: dumps.collect(),
        });
    };
    absolute("--path", path)?;
    let in_source = plan.sources.iter().any(|source| path.starts_with(source));
    let is_dump = dumps.into_iter().any(|dump| dump == *path);
    let can_be_asked_for = in_source || (is_dump && request.target.is_some());
    if !can_be_asked_for {
        return Err(Failure::new(
            format!(
                "--path {} is not inside a source of {}",
                path.display(),
                plan.instance
            ),
            "give a path below one of sourceDirectories; a dump can be restored with --target only",
        ));
    }
    Ok(Wanted {
        paths: vec![path.clone()],
        dumps: Vec::new(),
    })
}

/// A source inside another one comes with that.
fn outermost(sources: &[PathBuf]) -> Vec<PathBuf> {
    let is_inside = |path: &PathBuf| {
        let mut others = sources.iter().filter(|other| *other != path);
        others.any(|other| path.starts_with(other))
    };
    let outer = sources.iter().filter(|path| !is_inside(path));
    outer.cloned().collect()
}

/// The directory below `target` into which `path` is restored, which is made, and what
/// will be in it. Adds the directories that are made to `made`, outermost first.
///
/// # Errors
/// Others can change the way there, or it exists already.
pub fn below(
    target: &Path,
    path: &Path,
    made: &mut Vec<PathBuf>,
) -> Result<(PathBuf, PathBuf), Failure> {
    const REMEDY: &str = "give a directory that does not exist yet, in one that only root can change, such as /srv or /root";
    let in_target = |problem: Problem| {
        let message = format!("--target: {}", problem.message);
        Failure::of(FailureKind::Failed, Problem { message, ..problem })
    };
    let target = real_path::resolve(target, LastLink::Follow).map_err(in_target)?;
    let target = target.path;
    let restored = target.join(path.strip_prefix("/").unwrap_or(path));
    let real = real_path::resolve(&restored, LastLink::Keep).map_err(in_target)?;
    if real.path != restored {
        return Err(Failure::new(
            format!(
                "--target: a link leads from {} to {}",
                restored.display(),
                real.path.display()
            ),
            REMEDY,
        ));
    }
    // In /tmp others may add names, but not below a directory that is made in it now.
    let is_foreign =
        |above: &&Directory| !above.trusted || (above.shared && above.path.starts_with(&target));
    if let Some(foreign) = real.above.iter().find(is_foreign) {
        return Err(Failure::new(
            format!(
                "--target: {} (owner: uid {}) can be changed by others, who could exchange what is restored into it",
                foreign.path.display(),
                foreign.owner
            ),
            REMEDY,
        ));
    }
    if real.exists {
        return Err(Failure::new(
            format!("--target: {} exists already", restored.display()),
            "give a directory that is empty or does not exist",
        ));
    }
    let existing = real.nearest().map_err(in_target)?.path.clone();
    let directory = restored.parent().unwrap_or(&target).to_owned();
    let missing: Vec<&Path> = directory
        .ancestors()
        .take_while(|above| **above != *existing)
        .collect();
    for above in missing.into_iter().rev() {
        directory::make(above, 0o700).map_err(|error| {
            Failure::new(
                format!("--target: cannot make {}: {error}", above.display()),
                "give a directory that the restore unit may write to",
            )
        })?;
        made.push(above.to_owned());
    }
    Ok((directory, restored))
}

/// Gives the directories that were made for a restore elsewhere to whoever asked for it,
/// innermost first: until then nobody else can exchange names in them.
pub fn hand_over(made: &[PathBuf], caller: Caller) -> Result<(), Failure> {
    for directory in made.iter().rev() {
        directory::open(directory)
            .and_then(|opened| directory::hand_over(&opened, caller.uid, caller.gid))
            .map_err(|error| {
                Failure::new(
                    format!(
                        "cannot give {} to uid {}: {error}",
                        directory.display(),
                        caller.uid
                    ),
                    "check its file system; everything is restored",
                )
            })?;
    }
    Ok(())
}

/// Creates `directory` anew, with mode 0700.
pub fn empty_private(directory: &Path) -> anyhow::Result<()> {
    let creating = || format!("cannot create {}", directory.display());
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(creating)?,
        _ => {}
    }
    let parent = directory.parent().unwrap_or(directory);
    fs::create_dir_all(parent).with_context(creating)?;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(directory)
        .with_context(creating)
}

/// Where the provider can restore to before the restored data takes its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Workplace {
    /// The directory.
    pub path: PathBuf,
    /// Others can change names in it, as long as it is not closed to them.
    pub is_foreign: bool,
}

/// The innermost of the directories `above` a destination on its file system in which
/// others cannot exchange names, or else the root of that file system.
pub fn workplace(destination: &Path, above: &[Directory]) -> Result<Workplace, Failure> {
    let file_system = above.last().map(|nearest| nearest.file_system);
    let mut near = above
        .iter()
        .filter(|directory| Some(directory.file_system) == file_system);
    let outermost = near.clone().next();
    let (place, is_foreign) = match (near.rfind(|directory| directory.trusted), outermost) {
        (Some(trusted), _) => (trusted, false),
        (None, Some(root)) if root.path_trusted => (root, true),
        (None, other) => {
            let place = other.map_or(destination, |other| &other.path);
            return Err(Failure::new(
                format!(
                    "{} cannot be restored in place safely: others can change the way to {}, where its file system begins",
                    destination.display(),
                    place.display()
                ),
                "restore elsewhere with --target, and copy it from there as its owner",
            ));
        }
    };
    Ok(Workplace {
        path: place.path.clone(),
        is_foreign,
    })
}

fn absolute(option: &str, path: &Path) -> Result<(), Failure> {
    let strange = path
        .components()
        .any(|component| matches!(component, Component::ParentDir | Component::CurDir));
    if !path.is_absolute() || strange {
        return Err(Failure::new(
            format!(
                "{option} {} is not an absolute path without . and ..",
                path.display()
            ),
            "give an absolute path",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(path: &str, trusted: bool, file_system: u32) -> Directory {
        Directory {
            path: path.into(),
            owner: 0,
            path_trusted: trusted,
            trusted,
            shared: false,
            file_system: (file_system, 0, 0),
        }
    }

    #[test]
    fn the_provider_works_where_others_cannot_exchange_names() {
        let found = |above: &[Directory]| workplace(Path::new("/x"), above);
        let root = directory("/", true, 1);
        let own = directory("/var/lib", true, 1);
        let foreign = directory("/var/lib/app", false, 1);
        let inner = directory("/var/lib/app/sub", false, 1);
        let place = |path: &str, is_foreign| Workplace {
            path: path.into(),
            is_foreign,
        };
        let above = [root.clone(), own.clone()];
        assert_eq!(found(&above), Ok(place("/var/lib", false)));
        let above = [root.clone(), own, foreign, inner];
        assert_eq!(found(&above), Ok(place("/var/lib", false)));
        let mut mounted = directory("/mnt", false, 2);
        assert!(found(&[root.clone(), mounted.clone()]).is_err());
        mounted.path_trusted = true;
        let below = directory("/mnt/sub", false, 2);
        let above = [root, mounted, below];
        assert_eq!(found(&above), Ok(place("/mnt", true)));
    }

    #[test]
    fn a_source_inside_another_one_comes_with_it() {
        let sources = ["/srv/a/b", "/srv/a", "/srv/ab", "/srv/a/b/c"].map(PathBuf::from);
        assert_eq!(
            outermost(&sources),
            ["/srv/a", "/srv/ab"].map(PathBuf::from)
        );
    }

    #[test]
    fn only_what_is_in_a_source_can_be_asked_for() {
        let plan: Plan = serde_json::from_value(crate::plan::fixture::good()).unwrap();
        let staging = Path::new("/staging");
        let mut request = Request::whole("latest");
        let all = wanted(&plan, &request, staging).unwrap();
        assert_eq!(all.paths, plan.sources);
        assert_eq!(all.dumps, [staging.join("database")]);

        request.path = Some("/var/lib/myservice/a".into());
        let some = wanted(&plan, &request, staging).unwrap();
        assert_eq!((some.paths.len(), some.dumps.len()), (1, 0));
        for refused in [
            "/var/lib",
            "/staging/database",
            "a",
            "/var/lib/myservice/../x",
        ] {
            request.path = Some(refused.into());
            assert!(wanted(&plan, &request, staging).is_err(), "{refused}");
        }
        request.path = Some("/staging/database".into());
        request.target = Some("/target".into());
        assert!(wanted(&plan, &request, staging).is_ok());
    }
}
