use clap::CommandFactory;
use expect_test::expect;

use super::*;
use crate::plan::StorePolicy;

fn parse(line: &str) -> Result<Command, String> {
    let words = std::iter::once("backupservice").chain(line.split(' '));
    Cli::try_parse_from(words)
        .map(|cli| cli.command.unwrap())
        .map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn help_shows_commands_and_examples() {
    let mut command = Cli::command().term_width(100);
    expect![[r#"
        Back up and restore services

        Usage: backupservice [COMMAND]

        Commands:
          status       Show the last run and the current state of each instance
          run          Back up one instance now and wait for the result
          snapshots    List the snapshots of one instance
          ls           List files in a snapshot of one instance
          find         Find files by name in the snapshots of one instance
          dump         Print a file in a snapshot of one instance to standard output
          diff         Show what differs between two snapshots of one instance
          restore      Restore the data of one instance from a snapshot
          maintain     Forget old snapshots of one instance, free their space, and check the repository
          check        Check the repository of one instance now
          cancel       Stop the running backup, maintenance or restore of one instance
          notify-test  Send a test message through every notification channel
          logs         Show the journal messages of one instance
          check-plan   Check plans (called when the system is built)
          completions  Print the completion script for a shell
          help         Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help (see more with '--help')
          -V, --version  Print version

        Examples:
          backupservice status                       show the last run of every instance
          backupservice run nextcloud                back up now
          backupservice cancel nextcloud             stop the running backup
          backupservice snapshots nextcloud          list what can be restored
          backupservice find nextcloud config.php    find a file in all snapshots
          backupservice restore nextcloud            restore the last complete snapshot
          backupservice logs nextcloud               show the journal of the last runs
    "#]]
    .assert_eq(&command.render_help().to_string());
    let restore = command.find_subcommand_mut("restore").unwrap();
    let help = restore
        .clone()
        .term_width(100)
        .render_long_help()
        .to_string();
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    let help = help.join("\n");
    assert!(!help.contains("--plan"), "{help}");
    expect![[r#"
        Restore the data of one instance from a snapshot

        Without --target, restores in place: stops the units that use the data, keeps the current data
        beside the restored one, loads the database dumps, and starts the units again. With --target, only
        writes the files below that directory. On a terminal, says what it replaces, and asks.

        Usage: restore [OPTIONS] <NAME>

        Arguments:
          <NAME>
                  Instance name, as in `backupservice.instances.<name>`

        Options:
              --snapshot <ID|DATE>
                  Snapshot to restore: its id, `latest` for the last complete one, or a day or time in this
                  machine's time zone for the last complete one until then

                  [default: latest]

              --host <HOST>
                  Restore a snapshot of this host, such as one that this machine replaces

              --target <DIR>
                  Write the restored files below this directory instead of in place; what is made for that
                  belongs to the caller

              --path <PATH>
                  Restore only this path, as recorded in the snapshot; in place unless there is a --target

              --yes
                  Do not ask before data is replaced

              --json
                  Print the record as JSON

          -h, --help
                  Print help (see a summary with '-h')

        Examples:
          backupservice restore nextcloud                        the last complete snapshot
          backupservice restore nextcloud --snapshot 1a2b3c4d    an earlier snapshot
          backupservice restore nextcloud --snapshot 2026-11-01  the last complete one of that day, or
          before
          backupservice restore nextcloud --target /tmp/old      into a directory, for inspection
          backupservice restore nextcloud --target /tmp/old --path /var/lib/nextcloud/config
          backupservice restore nextcloud --path /var/lib/nextcloud/config    in place, only that"#]].assert_eq(&help);
}

#[test]
fn people_give_names_and_units_plans() {
    for line in [
        "run nextcloud --now --json",
        "snapshots nextcloud --json",
        "logs nextcloud -f -n 20",
        "cancel nextcloud",
        "check nextcloud --json",
        "ls nextcloud",
        "ls nextcloud 2026-11-17 /var/lib/nextcloud -r --json",
        "find nextcloud *.php --snapshot latest --host old",
        "dump nextcloud 1a2b /var/lib/nextcloud/x",
        "diff nextcloud 2026-11-16 latest --json",
        "unit run --plan /p.json",
        "unit browse --plan /p.json",
        "unit restore --plan /p.json --request 1",
        "unit recover nextcloud",
        "unit recover --all",
        "unit prepare --plan /p.json",
        "unit secrets --spec /s.json",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
    for line in [
        "run",
        "run --plan /p.json",
        "cancel",
        "check ../x",
        "ls nextcloud latest var/lib",
        "ls nextcloud /var/lib",
        "find nextcloud",
        "dump nextcloud latest",
        "dump nextcloud latest /var/../etc",
        "diff nextcloud latest",
        "unit run nextcloud",
        "unit restore --plan /p.json",
        "unit recover",
        "unit recover --all nextcloud",
        "unit prepare",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn without_a_command_the_status_is_shown() {
    assert!(
        Cli::try_parse_from(["backupservice"])
            .unwrap()
            .command
            .is_none()
    );
}

#[test]
fn a_restore_is_of_the_latest_snapshot_unless_it_says_so() {
    let Ok(Command::Restore(restore)) = parse("restore x") else {
        panic!();
    };
    assert_eq!(
        (restore.snapshot.id.as_str(), restore.snapshot.until),
        ("latest", None)
    );
    assert_eq!((restore.target, restore.path), (None, None));
    let line = "restore x --snapshot 1a2b --target look --path /var/lib/x/";
    let Ok(Command::Restore(restore)) = parse(line) else {
        panic!();
    };
    assert_eq!(restore.snapshot.id, "1a2b");
    assert!(restore.target.unwrap().is_absolute());
    assert_eq!(restore.path.unwrap().as_os_str(), "/var/lib/x");
}

#[test]
fn ambiguous_values_are_refused() {
    let mut messages = String::new();
    for line in [
        "run ../x",
        "status a/b",
        "restore x --snapshot=--repo=/y",
        "restore x --path var/lib",
        "restore x --path /var/../etc",
    ] {
        let message = parse(line).unwrap_err();
        messages.push_str(message.lines().next().unwrap());
        messages.push('\n');
    }
    expect![[r#"
        error: invalid value '../x' for '<NAME>': `../x` cannot be part of a unit name. Use up to 80 letters, digits, `_`, `-` and `.`, starting with a letter or digit
        error: invalid value 'a/b' for '[NAME]': `a/b` cannot be part of a unit name. Use up to 80 letters, digits, `_`, `-` and `.`, starting with a letter or digit
        error: invalid value '--repo=/y' for '--snapshot <ID|DATE>': neither a snapshot id, which `backupservice snapshots NAME` lists, nor a date, such as 2026-11-01 or 2026-11-01T18:30
        error: invalid value 'var/lib' for '--path <PATH>': must be absolute and without `..`, such as /var/lib/nextcloud/config
        error: invalid value '/var/../etc' for '--path <PATH>': must be absolute and without `..`, such as /var/lib/nextcloud/config
    "#]].assert_eq(&messages);
}

#[test]
fn plans_are_checked_for_the_store_unless_there_is_none() {
    let Ok(Command::CheckPlan(check)) = parse("check-plan a b") else {
        panic!();
    };
    assert_eq!(
        (check.policy(), check.files.len()),
        (StorePolicy::Required, 2)
    );
    let Ok(Command::CheckPlan(check)) = parse("check-plan --no-nix-store a") else {
        panic!();
    };
    assert_eq!(check.policy(), StorePolicy::Relaxed);
    parse("check-plan").unwrap_err();
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let below = directory.path().join("man1");
    manual::write(&below).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&below)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    expect![[r#"
        backupservice-cancel.1
        backupservice-check-plan.1
        backupservice-check.1
        backupservice-completions.1
        backupservice-diff.1
        backupservice-dump.1
        backupservice-find.1
        backupservice-logs.1
        backupservice-ls.1
        backupservice-maintain.1
        backupservice-notify-test.1
        backupservice-restore.1
        backupservice-run.1
        backupservice-snapshots.1
        backupservice-status.1
        backupservice.1"#]]
    .assert_eq(&names.join("\n"));
}

#[test]
fn examples_of_manual_pages_stand_as_they_are_typed() {
    let directory = tempfile::tempdir().unwrap();
    manual::write(directory.path()).unwrap();
    let page = std::fs::read_to_string(directory.path().join("backupservice-run.1")).unwrap();
    let examples = &page[page.find(".SH EXAMPLES").unwrap()..];
    expect![[r#"
        .SH EXAMPLES
        .nf
        backupservice run nextcloud
        backupservice run nextcloud \-\-json | jq .outcome
        backupservice run nextcloud \-\-accept\-shrink    after deleting much data on purpose
        systemctl start \-\-no\-block backupservice\-nextcloud    the same without waiting
        .fi
        .SH "SEE ALSO"
        backupservice(1)
    "#]]
    .assert_eq(examples);
    assert!(page.contains("NAME"), "{page}");
}

#[test]
fn every_shell_has_a_completion_script() {
    for shell in Shell::value_variants() {
        let script = String::from_utf8(complete::script(*shell).unwrap()).unwrap();
        assert!(
            script.contains("BACKUPSERVICE_COMPLETE"),
            "{shell:?}: {script}"
        );
    }
}

#[test]
fn any_path_can_be_looked_into() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let path = OsStr::from_bytes(b"/srv/caf\xe9\n/");
    let words = ["backupservice", "dump", "x", "latest"].map(OsStr::new);
    let cli = Cli::try_parse_from(words.into_iter().chain([path])).unwrap();
    let Some(Command::Dump(dump)) = cli.command else {
        panic!();
    };
    assert_eq!(dump.path.as_os_str().as_bytes(), b"/srv/caf\xe9\n");
}
