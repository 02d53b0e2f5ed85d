use expect_test::expect;
use serde_json::{Value, json};

use super::super::fixture::good;
use super::*;

fn check(plan: &Value, policy: StorePolicy) -> Result<(), Problems> {
    Plan::parse(&plan.to_string()).unwrap().check(policy)
}

/// All that is wrong once these fields of a good plan are replaced, plan by plan.
fn refusals<const N: usize>(cases: [(&str, Value); N]) -> String {
    let mut messages = String::new();
    for (pointer, value) in cases {
        let mut plan = good();
        *plan.pointer_mut(pointer).unwrap() = value;
        let problems = check(&plan, StorePolicy::Required).unwrap_err();
        messages
            .push_str(&format!("{problems}\n").replace("00bgd045z0d4icpbc2yyz4gx48ak44la", "HASH"));
    }
    messages
}

#[test]
fn a_good_plan_has_no_problems() {
    check(&good(), StorePolicy::Required).unwrap();
    check(&good(), StorePolicy::Relaxed).unwrap();
}

#[test]
fn tools_are_store_paths_where_there_is_a_store() {
    let mut plan = good();
    plan["provider"]["program"] = json!("/usr/bin/restic");
    plan["provider"]["path"] = json!(["/usr/bin"]);
    check(&plan, StorePolicy::Relaxed).unwrap();
    let problems = check(&plan, StorePolicy::Required).unwrap_err();
    expect![[r#"
        provider.program: /usr/bin/restic does not begin with /nix/store/. Use a path of a package, or --no-nix-store where there is no Nix store.
        provider.path[0]: /usr/bin does not begin with /nix/store/. Use a path of a package, or --no-nix-store where there is no Nix store."#]].assert_eq(&problems.to_string());
}

#[test]
fn names_become_paths_and_units() {
    expect![[r#"
        streams[0].name: `../last-run.json` is not safe as the name of a file or a unit. Use up to 100 letters, digits, `_`, `-` and `.`, starting with a letter or digit.
        streams[0].name: `` is not safe as the name of a file or a unit. Use up to 100 letters, digits, `_`, `-` and `.`, starting with a letter or digit.
        hooks.afterBackup[0].name: `a b` is not safe as the name of a file or a unit. Use up to 100 letters, digits, `_`, `-` and `.`, starting with a letter or digit.
        hooks.beforeBackup[1].name: `a` is there twice. Rename one of them.
    "#]].assert_eq(&refusals([
        ("/streams/0/name", json!("../last-run.json")),
        ("/streams/0/name", json!("")),
        ("/hooks/afterBackup/0/name", json!("a b")),
        (
            "/hooks/beforeBackup",
            json!([
                { "name": "a", "unit": "backupservice-myservice-before-a.service" },
                { "name": "a", "unit": "backupservice-myservice-before-b.service" },
            ]),
        ),
    ]));
    let mut plan = good();
    plan["instance"] = json!("my service/..");
    let problems = check(&plan, StorePolicy::Required).unwrap_err();
    assert_eq!(problems.0[0].field, "instance");
    for name in [
        "",
        "-x",
        ".x",
        "a/b",
        "ä",
        "a@b",
        "secrets",
        "recover",
        &"x".repeat(101),
    ] {
        assert!(check_instance_name(name).is_err(), "{name}");
    }
    for name in ["myservice_2", "homeAssistant", "a.example.org", "7"] {
        assert_eq!(check_instance_name(name), Ok(()));
    }
}

#[test]
fn sources_are_there_and_say_where() {
    expect![[r#"
        sources: is empty, so nothing would be saved. Give at least one directory in sourceDirectories.
        sources[0]: `var/lib/x` is relative. Give an absolute path.
        sources[1]: is empty. Give an absolute path.
        sources[2]: /var/lib/../x contains `..`. Write the path without it.
        sources[3]: /var/lib/x/ is not in its shortest form. Write /var/lib/x.
        sources[5]: /a is there twice. Remove one of them.
        sources[6]: "/b\n" contains a control character. Rename the file.
        exclude[0]: "" is not a pattern. Give one pattern, such as `*.tmp`.
        exclude[1]: "a\nb" is not a pattern. Give one pattern, such as `*.tmp`.
    "#]].assert_eq(&refusals([
        ("/sources", json!([])),
        (
            "/sources",
            json!([
                "var/lib/x",
                "",
                "/var/lib/../x",
                "/var/lib/x/",
                "/a",
                "/a",
                "/b\n"
            ]),
        ),
        ("/exclude", json!(["", "a\nb"])),
    ]));
}

#[test]
fn a_repository_is_in_one_place_outside_of_the_sources() {
    expect![[r#"
        repository.path: is missing, and there is no pathFile. Set repository.path or repository.pathFile.
        repository.path: is set together with pathFile (/run/secrets/url). Set one of repository.path and repository.pathFile.
        repository.path: /var/lib/myservice/backup is inside the source /var/lib/myservice. Move the repository out of the sources.
        repository.path: /var/lib/myservice is inside the source /var/lib/myservice. Move the repository out of the sources.
        repository.path: the source /var/lib/myservice is inside /var/lib. Move the repository out of the sources.
        repository.path: / cannot hold a repository. Choose a directory such as /srv/backup/NAME.
        repository.path: the source /var/lib/myservice is inside /. Move the repository out of the sources.
        repository.path: the source /srv/myservice is inside /. Move the repository out of the sources.
        repository.path: /nix/store/x cannot hold a repository. Choose a directory such as /srv/backup/NAME.
        repository.path: `srv/backup` is relative. Give an absolute path.
        repository.path: /srv/../backup contains `..`. Write the path without it.
        repository.path: is empty. Give an absolute path.
        repository.path: begins with `local:`. Write /srv/backup.
        repository.path: "b2:bucket\n" contains a control character. Remove it.
        repository.path: contains a password, which every user can read in the Nix store. Put the URL into a file and set repository.pathFile to it.
        repository.path: contains a password, which every user can read in the Nix store. Put the URL into a file and set repository.pathFile to it.
        repository.mountPoint: /srv/backup/myservice is not below /mnt/disk. Give the mount point of the file system with the repository.
        repository.mountPoint: `mnt` is relative. Give an absolute path.
    "#]].assert_eq(&refusals([
        ("/repository/path", json!(null)),
        (
            "/repository/credentials/repository",
            json!("/run/secrets/url"),
        ),
        ("/repository/path", json!("/var/lib/myservice/backup")),
        ("/repository/path", json!("/var/lib/myservice")),
        ("/repository/path", json!("/var/lib")),
        ("/repository/path", json!("/")),
        ("/repository/path", json!("/nix/store/x")),
        ("/repository/path", json!("srv/backup")),
        ("/repository/path", json!("/srv/../backup")),
        ("/repository/path", json!("")),
        ("/repository/path", json!("local:/srv/backup")),
        ("/repository/path", json!("b2:bucket\n")),
        ("/repository/path", json!("rest:https://user:secret@host/")),
        ("/repository/path", json!("sftp:user:secret@host:/srv")),
        ("/repository/mountPoint", json!("/mnt/disk")),
        ("/repository/mountPoint", json!("mnt")),
    ]));
    let mut plan = good();
    plan["repository"]["path"] = json!("sftp:backup@host:/srv/backup");
    check(&plan, StorePolicy::Required).unwrap();
    plan["repository"]["mountPoint"] = json!("/srv");
    let problems = check(&plan, StorePolicy::Required).unwrap_err();
    expect![
        "repository.mountPoint: /srv is set, but the repository is not on this machine. Remove it."
    ]
    .assert_eq(&problems.to_string());
}

#[test]
fn secrets_are_not_in_the_store() {
    let secret = "/nix/store/00bgd045z0d4icpbc2yyz4gx48ak44la-secret";
    expect![[r#"
        repository.credentials.password: /nix/store/HASH-secret is in the Nix store, which every user can read. Use a file outside of it, such as one of agenix or sops-nix; in Nix, write its path as a string.
        repository.credentials.environment: /nix/store/whatever is in the Nix store, which every user can read. Use a file outside of it, such as one of agenix or sops-nix; in Nix, write its path as a string.
        repository.credentials.sshKey: /nix/store/HASH-secret/key is in the Nix store, which every user can read. Use a file outside of it, such as one of agenix or sops-nix; in Nix, write its path as a string.
        repository.credentials.password: `password.txt` is relative. Give an absolute path.
    "#]].assert_eq(&refusals([
        ("/repository/credentials/password", json!(secret)),
        (
            "/repository/credentials/environment",
            json!("/nix/store/whatever"),
        ),
        (
            "/repository/credentials/sshKey",
            json!(format!("{secret}/key")),
        ),
        ("/repository/credentials/password", json!("password.txt")),
    ]));
    let mut plan = good();
    plan["repository"]["credentials"]["password"] = json!(secret);
    assert!(check(&plan, StorePolicy::Relaxed).is_err());
}

#[test]
fn units_are_the_instances_own_and_unique() {
    let dump = "backupservice-myservice-dump-database.service";
    expect![[r#"
        hooks.beforeBackup[0].unit: `sshd.service` is not backupservice-myservice-….service. Use only units that this instance generates.
        hooks.beforeBackup[0].unit: `backupservice-other-before-1.service` is not backupservice-myservice-….service. Use only units that this instance generates.
        hooks.beforeBackup[0].unit: `backupservice-myservice-before-1.timer` is not backupservice-myservice-….service. Use only units that this instance generates.
        hooks.beforeBackup[0].unit: `backupservice-myservice-.service` is not backupservice-myservice-….service. Use only units that this instance generates.
        hooks.beforeBackup[0].unit: backupservice-myservice-restore@.service is also the unit of backupservice itself. Rename a hook or a stream.
        hooks.beforeBackup[0].unit: backupservice-myservice-dump-database.service is also the unit of streams[0].dumpUnit. Rename a hook or a stream.
        streams[0].loadUnit: backupservice-myservice-dump-database.service is also the unit of streams[0].dumpUnit. Rename a hook or a stream.
        quiesce[0]: `myservice` is not the name of a unit that can be stopped. Write it in full, such as home-assistant.service.
        quiesce[1]: `/etc/passwd` is not the name of a unit that can be stopped. Write it in full, such as home-assistant.service.
        quiesce[2]: `a b.service` is not the name of a unit that can be stopped. Write it in full, such as home-assistant.service.
        quiesce[3]: `.service` is not the name of a unit that can be stopped. Write it in full, such as home-assistant.service.
        quiesce[4]: `session-1.scope` is not the name of a unit that can be stopped. Write it in full, such as home-assistant.service.
        quiesce[0]: backupservice-other.service belongs to backupservice, which cannot stop itself. Name the units that write the data.
        restoreUnits[1]: a.service is listed twice. Remove one of them.
    "#]].assert_eq(&refusals([
        ("/hooks/beforeBackup/0/unit", json!("sshd.service")),
        (
            "/hooks/beforeBackup/0/unit",
            json!("backupservice-other-before-1.service"),
        ),
        (
            "/hooks/beforeBackup/0/unit",
            json!("backupservice-myservice-before-1.timer"),
        ),
        (
            "/hooks/beforeBackup/0/unit",
            json!("backupservice-myservice-.service"),
        ),
        (
            "/hooks/beforeBackup/0/unit",
            json!("backupservice-myservice-restore@.service"),
        ),
        ("/hooks/beforeBackup/0/unit", json!(dump)),
        ("/streams/0/loadUnit", json!(dump)),
        (
            "/quiesce",
            json!([
                "myservice",
                "/etc/passwd",
                "a b.service",
                ".service",
                "session-1.scope"
            ]),
        ),
        ("/quiesce", json!(["backupservice-other.service"])),
        ("/restoreUnits", json!(["a.service", "a.service"])),
    ]));
}

#[test]
fn all_problems_are_reported_together() {
    let mut plan = good();
    plan["sources"] = json!([]);
    plan["provider"]["program"] = json!("restic");
    plan["quiesce"] = json!(["x"]);
    let problems = check(&plan, StorePolicy::Required).unwrap_err();
    expect![[r#"
        provider.program: `restic` is relative. Give an absolute path.
        sources: is empty, so nothing would be saved. Give at least one directory in sourceDirectories.
        quiesce[0]: `x` is not the name of a unit that can be stopped. Write it in full, such as home-assistant.service."#]].assert_eq(&problems.to_string());
}

#[test]
fn retention_that_keeps_nothing_is_refused() {
    expect![[r#"
        retention.daily: is 0, which would keep nothing. Give a positive number, or null to disable the rule.
        maintenance.readData: 101 is more than 100 percent. Give a number from 0 to 100.
        guards.maxShrink: 100 percent cannot be exceeded. Give a number below 100, or null to disable the guard.
        maxConcurrent: is 0, so nothing would ever run. Give a positive number, or null for no limit.
    "#]].assert_eq(&refusals([
        ("/retention/daily", json!(0)),
        ("/maintenance/readData", json!(101)),
        ("/guards/maxShrink", json!(100)),
        ("/maxConcurrent", json!(0)),
    ]));
    let mut plan = good();
    for rule in ["daily", "weekly", "monthly"] {
        plan["retention"][rule] = json!(null);
    }
    check(&plan, StorePolicy::Required).unwrap();
}
