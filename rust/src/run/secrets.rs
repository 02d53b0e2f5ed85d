//! `secrets`: a password for a repository that has none yet.
//!
//! A password is made only where it cannot lock anyone out: never over another, and not
//! for a repository that exists already and was therefore made with another one.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use crate::base::mounts::is_mounted;
use crate::base::problem::Problem;

/// Random bytes in a password.
const LENGTH: usize = 32;

/// A repository whose password is generated: the file that Nix writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// Path or URL of the repository; none where a file names it.
    pub repository: Option<String>,
    /// Mount point that a local repository lies on.
    pub mount_point: Option<PathBuf>,
    /// File that holds its password.
    pub password_file: PathBuf,
}

impl Secret {
    fn name(&self) -> String {
        self.repository.as_ref().map_or_else(
            || "the repository that repository.pathFile names".to_owned(),
            |place| format!("the repository {place}"),
        )
    }
}

/// Generates the password if it is missing, and tells so.
///
/// # Errors
/// `spec` is not a [`Secret`], or the password could not be made.
pub fn run(spec: &Path, tell: &mut impl Write) -> anyhow::Result<()> {
    let text = fs::read(spec).with_context(|| format!("cannot read {}", spec.display()))?;
    let secret: Secret = serde_json::from_slice(&text)
        .with_context(|| format!("{} does not describe a repository", spec.display()))?;
    if ensure(&secret)? {
        writeln!(
            tell,
            "Generated the password of {} in {file}. Without it no backup there can be read: \
             keep a copy of {file} on another machine or on paper.",
            secret.name(),
            file = secret.password_file.display()
        )?;
    }
    Ok(())
}

/// Whether a password was made. It is not if there is one.
fn ensure(secret: &Secret) -> Result<bool, Problem> {
    let password_file = &secret.password_file;
    let (repository, file) = (secret.name(), password_file.display());
    match fs::metadata(password_file) {
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => return Ok(false),
        Ok(_) => {
            return Err(Problem::new(
                format!("the password file {file} of {repository} is empty or no file"),
                "Put the repository's password into it; or delete it if there is no repository yet, and another is generated",
            ));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failure("look at", password_file, &error)),
    }
    if let Some(mount_point) = &secret.mount_point
        && !is_mounted(mount_point)?
    {
        let shown = mount_point.display();
        return Err(Problem::new(
            format!("{shown} is not mounted, so it is unknown whether {repository} exists"),
            format!("Mount it (`mount {shown}`), or connect the disk"),
        ));
    }
    if holds_something(secret.repository.as_deref())? {
        return Err(Problem::new(
            format!("{repository} exists already, but its password is not in {file}"),
            format!(
                "Put the password that it was made with into {file}, or set repository.passwordFile; if it is not a repository, choose another repository.path"
            ),
        ));
    }
    create(password_file).map_err(|error| failure("write", password_file, &error))?;
    Ok(true)
}

/// A repository on the network was asked before this started; see [`crate::run::exists`].
fn holds_something(repository: Option<&str>) -> Result<bool, Problem> {
    let Some(path) = repository.map(Path::new).filter(|path| path.is_absolute()) else {
        return Ok(false);
    };
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failure("list", path, &error)),
    }
}

/// Writes a new password beside the file and links it into place: the link fails if the
/// file exists meanwhile, and a crash leaves no half of a password.
fn create(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)?;
    let linked = file
        .write_all(password()?.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&unfinished, path));
    fs::remove_file(&unfinished)?;
    linked?;
    File::open(parent)?.sync_all()
}

fn password() -> io::Result<String> {
    let mut bytes = [0; LENGTH];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::with_capacity(2 * LENGTH + 1);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text.push('\n');
    Ok(text)
}

fn failure(verb: &str, path: &Path, error: &io::Error) -> Problem {
    Problem::new(
        format!("cannot {verb} {}: {error}", path.display()),
        "Make it accessible to root, or set repository.passwordFile",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use expect_test::expect;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    struct HostState(TempDir);

    impl HostState {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, below: &str) -> PathBuf {
            self.0.path().join(below)
        }

        /// Generates for these repositories, `secrets/<name>` each; what was said and whether
        /// one failed.
        fn run(&self, repositories: &[&str]) -> (String, bool) {
            let mut told = Vec::new();
            let mut failed = false;
            for name in repositories {
                let repository = if name.contains(':') {
                    PathBuf::from(name)
                } else {
                    self.path(name)
                };
                let password_file = self.path(&format!("secrets/{name}"));
                let spec = json!({ "repository": repository, "passwordFile": password_file });
                fs::write(self.path("spec.json"), spec.to_string()).unwrap();
                if let Err(error) = run(&self.path("spec.json"), &mut told) {
                    writeln!(told, "{error}").unwrap();
                    failed = true;
                }
            }
            let told = String::from_utf8(told).unwrap();
            let place = self.0.path().to_str().unwrap();
            (told.replace(place, ""), failed)
        }
    }

    #[test]
    fn a_password_is_made_once_and_never_told() {
        let machine = HostState::new();
        let (told, failed) = machine.run(&["a", "b2:bucket"]);
        assert!(!failed);
        expect![[r#"
            Generated the password of the repository /a in /secrets/a. Without it no backup there can be read: keep a copy of /secrets/a on another machine or on paper.
            Generated the password of the repository b2:bucket in /secrets/b2:bucket. Without it no backup there can be read: keep a copy of /secrets/b2:bucket on another machine or on paper.
        "#]].assert_eq(&told);
        let file = machine.path("secrets/a");
        let password = fs::read_to_string(&file).unwrap();
        assert_eq!(password.len(), 65);
        assert!(
            password
                .trim_end()
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit())
        );
        assert!(!told.contains(password.trim_end()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&machine.path("secrets")), 0o700);
        assert_eq!(fs::read_dir(machine.path("secrets")).unwrap().count(), 2);

        assert_eq!(machine.run(&["a", "b2:bucket"]), (String::new(), false));
        assert_eq!(fs::read_to_string(&file).unwrap(), password);
        assert_ne!(
            fs::read_to_string(machine.path("secrets/b2:bucket")).unwrap(),
            password
        );
    }

    #[test]
    fn an_existing_repository_needs_its_own_password() {
        let machine = HostState::new();
        fs::create_dir(machine.path("old")).unwrap();
        fs::write(machine.path("old/config"), "x").unwrap();
        fs::create_dir(machine.path("empty")).unwrap();
        let (told, failed) = machine.run(&["old", "empty"]);
        assert!(failed);
        expect![[r#"
            the repository /old exists already, but its password is not in /secrets/old. Put the password that it was made with into /secrets/old, or set repository.passwordFile; if it is not a repository, choose another repository.path.
            Generated the password of the repository /empty in /secrets/empty. Without it no backup there can be read: keep a copy of /secrets/empty on another machine or on paper.
        "#]].assert_eq(&told);
        assert!(!machine.path("secrets/old").exists());
        assert!(machine.path("secrets/empty").exists());

        fs::write(machine.path("secrets/old"), "mine\n").unwrap();
        assert_eq!(machine.run(&["old", "empty"]), (String::new(), false));
        assert_eq!(
            fs::read_to_string(machine.path("secrets/old")).unwrap(),
            "mine\n"
        );
    }

    #[test]
    fn an_empty_file_is_no_password_and_is_left_alone() {
        let machine = HostState::new();
        fs::create_dir(machine.path("secrets")).unwrap();
        fs::write(machine.path("secrets/a"), "").unwrap();
        let (told, failed) = machine.run(&["a"]);
        assert!(failed);
        expect![[r#"
            the password file /secrets/a of the repository /a is empty or no file. Put the repository's password into it; or delete it if there is no repository yet, and another is generated.
        "#]].assert_eq(&told);
        assert_eq!(fs::read_to_string(machine.path("secrets/a")).unwrap(), "");
    }

    #[test]
    fn what_a_crash_left_is_replaced() {
        let machine = HostState::new();
        fs::create_dir(machine.path("secrets")).unwrap();
        fs::write(machine.path("secrets/a.new"), "half").unwrap();
        assert!(!machine.run(&["a"]).1);
        assert!(!machine.path("secrets/a.new").exists());
        assert_eq!(fs::metadata(machine.path("secrets/a")).unwrap().len(), 65);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let machine = HostState::new();
        fs::write(machine.path("a"), "mine").unwrap();
        let error = create(&machine.path("a")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(machine.path("a")).unwrap(), "mine");
        assert!(!machine.path("a.new").exists());
    }
}
