use std::os::unix::fs::PermissionsExt;

use expect_test::{Expect, expect};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::plan::fixture::good;

/// A machine with a place for a repository.
struct Machine {
    directory: TempDir,
    host: Host,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let host = Host::new(directory.path());
        fs::create_dir_all(host.instance("myservice").runtime).unwrap();
        Self { directory, host }
    }

    fn path(&self, below: &str) -> std::path::PathBuf {
        self.directory.path().join(below)
    }

    fn plan(&self, repository: &str) -> Plan {
        let mut plan = good();
        plan["repository"]["path"] = json!(self.path(repository));
        Plan::parse(&plan.to_string()).unwrap()
    }

    /// Runs, and compares the verdict in the file with what is expected.
    fn refuses(&self, plan: &Plan, expected: &Expect) {
        let error = run(plan, &self.host).unwrap_err();
        let verdict = self.verdict().error.unwrap();
        assert_eq!(error.to_string(), verdict.to_string());
        let uid = format!("uid {}", rustix::process::geteuid().as_raw());
        let place = self.directory.path().to_str().unwrap();
        let text = verdict
            .to_string()
            .replace(place, "")
            .replace(&uid, "uid OWN");
        expected.assert_eq(&text);
    }

    fn verdict(&self) -> PrepareResult {
        let path = self.host.instance("myservice").prepare_verdict();
        PrepareResult::read(&path).unwrap().unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn directories_are_created_with_their_modes() {
    let machine = Machine::new();
    run(&machine.plan("a/b/repository"), &machine.host).unwrap();
    assert_eq!(machine.verdict().error, None);
    assert_eq!(mode(&machine.path("a")), 0o755);
    assert_eq!(mode(&machine.path("a/b")), 0o755);
    assert_eq!(mode(&machine.path("a/b/repository")), 0o700);
}

#[test]
fn an_existing_repository_is_left_as_it_is() {
    let machine = Machine::new();
    fs::create_dir(machine.path("repository")).unwrap();
    fs::write(machine.path("repository/config"), "x").unwrap();
    fs::set_permissions(
        machine.path("repository"),
        fs::Permissions::from_mode(0o750),
    )
    .unwrap();
    run(&machine.plan("repository"), &machine.host).unwrap();
    assert_eq!(mode(&machine.path("repository")), 0o750);
}

#[test]
fn something_else_in_the_way_is_refused() {
    let machine = Machine::new();
    fs::write(machine.path("file"), "x").unwrap();
    std::os::unix::fs::symlink("nowhere", machine.path("link")).unwrap();
    machine.refuses(&machine.plan("file"), &expect!["/file is in the way of repository.path: it is not a directory. Remove or rename it, or choose another repository.path."]);
    machine.refuses(&machine.plan("file/a/b"), &expect!["/file is in the way of repository.path: it is not a directory. Remove or rename it, or choose another repository.path."]);
    machine.refuses(&machine.plan("link"), &expect!["/link is in the way of repository.path: it is not a directory. Remove or rename it, or choose another repository.path."]);
    machine.refuses(&machine.plan("link/repository"), &expect!["/link is in the way of repository.path: it is not a directory. Remove or rename it, or choose another repository.path."]);
    assert!(!machine.path("nowhere").exists());
}

#[test]
fn a_missing_mount_is_refused_and_nothing_is_created() {
    let machine = Machine::new();
    let mut plan = machine.plan("disk/repository");
    plan.repository.mount_point = Some(machine.path("disk"));
    machine.refuses(&plan, &expect!["/disk is not mounted, and what is below it is not the repository /disk/repository. Mount it (`mount /disk`), or connect the disk."]);
    assert!(!machine.path("disk").exists());
    plan.repository.mount_point = Some("/".into());
    run(&plan, &machine.host).unwrap();
    assert_eq!(machine.verdict().error, None);
}

#[test]
fn a_repository_of_another_user_is_explained() {
    let machine = Machine::new();
    let repository = machine.path("repository");
    fs::create_dir(&repository).unwrap();
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!(foreign_owner(&repository, uid).unwrap(), None);
    assert_eq!(foreign_owner(&repository, uid + 1).unwrap(), Some(uid));
    // Giving files away takes root; /usr is someone else's for everyone else.
    let foreign = if uid == 0 {
        fs::write(repository.join("config"), "x").unwrap();
        std::os::unix::fs::chown(repository.join("config"), Some(12_345), None).unwrap();
        machine.plan("repository")
    } else {
        let mut plan = machine.plan("repository");
        plan.repository.path = Some("/usr".to_owned());
        plan
    };
    let error = run(&foreign, &machine.host).unwrap_err().to_string();
    let owner = if uid == 0 { 12_345 } else { 0 };
    assert!(
        error.contains(&format!("the uid {owner}, but backups run as uid {uid}")),
        "{error}"
    );
    assert!(
        error.contains("`chown -R backupservice:backupservice /"),
        "{error}"
    );
}

#[test]
fn a_repository_elsewhere_needs_nothing() {
    let machine = Machine::new();
    let mut plan = machine.plan("x");
    plan.repository.path = Some("sftp:backup@host:/srv".to_owned());
    run(&plan, &machine.host).unwrap();
    assert_eq!(machine.verdict().error, None);
}

#[test]
fn no_verdict_is_none_and_a_bad_one_is_an_error() {
    let machine = Machine::new();
    let path = machine.path("prepare.json");
    assert_eq!(PrepareResult::read(&path).unwrap(), None);
    fs::write(&path, "{").unwrap();
    PrepareResult::read(&path).unwrap_err();
}

#[test]
fn a_link_that_others_could_make_is_not_followed() {
    let machine = Machine::new();
    let (home, victim) = (machine.path("home"), machine.path("victim"));
    for directory in [&home, &victim] {
        fs::create_dir(directory).unwrap();
    }
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink(&victim, home.join("link")).unwrap();
    for repository in ["home/link/repository", "home/link"] {
        machine.refuses(&machine.plan(repository), &expect!["repository.path: /home/link is a link in a directory that others can change: it may lead anywhere. Name the directory that is meant by its real path."]);
    }
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
}

#[test]
fn what_another_instance_removes_meanwhile_does_not_count() {
    let machine = Machine::new();
    let names = ["lock.exclusive", "lock.roster"].map(|name| machine.path(name));
    for name in &names {
        fs::write(name, "").unwrap();
    }
    let mut entries = fs::read_dir(machine.directory.path()).unwrap();
    // From here on, the names are read.
    let first = entries.next();
    for name in names {
        fs::remove_file(name).unwrap();
    }
    let uid = rustix::process::geteuid().as_raw();
    let foreign = foreign_entry(first.into_iter().chain(entries), uid);
    assert_eq!(foreign.unwrap(), None);
}
