//! What is restored, and where it goes.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};

use super::request::Request;
use crate::base::outcome::Failure;
use crate::plan::Plan;

/// What of a snapshot is restored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Directories and files.
    pub paths: Vec<PathBuf>,
    /// Dumps of databases.
    pub dumps: Vec<PathBuf>,
}

/// What the request means for the plan.
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
/// will be in it.
pub fn below(target: &Path, path: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let restored = target.join(relative);
    if restored.symlink_metadata().is_ok() {
        return Err(Failure::new(
            format!("--target: {} exists already", restored.display()),
            "give a directory that is empty or does not exist",
        ));
    }
    let directory = restored.parent().unwrap_or(target).to_owned();
    fs::create_dir_all(&directory).map_err(|error| {
        Failure::new(
            format!("--target: cannot make {}: {error}", directory.display()),
            "give a directory that the restore unit may write to",
        )
    })?;
    Ok((directory, restored))
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

/// Where `path` really is. A source may be a link to its directory, as that of a service
/// with `DynamicUser`; what is below it is meant as it is.
pub fn resolve(path: &Path, is_source: bool) -> PathBuf {
    if is_source {
        if let Ok(real) = path.canonicalize() {
            return real;
        }
        if let (Ok(link), Some(parent)) = (path.read_link(), path.parent()) {
            return parent.join(link);
        }
    }
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// Whether something is mounted there: then it cannot be renamed.
pub fn is_mount_point(destination: &Path) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let status = rustix::fs::statx(CWD, destination, flags, StatxFlags::TYPE);
    status.is_ok_and(|status| status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
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

    #[test]
    fn a_linked_source_is_resolved_but_a_link_below_it_is_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("private/x")).unwrap();
        std::os::unix::fs::symlink("private/x", root.join("x")).unwrap();
        std::os::unix::fs::symlink("elsewhere", root.join("private/x/link")).unwrap();
        assert_eq!(resolve(&root.join("x"), true), root.join("private/x"));
        assert_eq!(
            resolve(&root.join("x/link"), false),
            root.join("private/x/link")
        );
        fs::remove_dir_all(root.join("private/x")).unwrap();
        assert_eq!(resolve(&root.join("x"), true), root.join("private/x"));
        assert_eq!(resolve(&root.join("none/y"), true), root.join("none/y"));
    }

    #[test]
    fn a_mount_point_is_known() {
        assert!(is_mount_point(Path::new("/proc")));
        assert!(!is_mount_point(Path::new("/usr")));
        assert!(!is_mount_point(Path::new("/nonexistent")));
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
