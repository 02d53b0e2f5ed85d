//! borg with a repository behind a real sshd on loopback.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::real::{Program, back_up, machine_without_repository, random, with};
use crate::common::{Machine, tools};
use backupservice::base::outcome::{FailureKind, Outcome};
use backupservice::run::exists;
use backupservice::run::restore::request::Request;

struct Server {
    machine: Machine,
    sshd: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Server {
    fn start() -> Option<Self> {
        let sshd = tools::sshd()?;
        let mut machine = machine_without_repository(Program::Borg)?;
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        for (key, place) in [("host", "host"), ("ssh-key", "credentials/ssh-key")] {
            keygen(&machine.path(place), key);
        }
        let public = fs::read_to_string(machine.path("credentials/ssh-key.pub")).unwrap();
        fs::write(machine.path("authorized"), public).unwrap();
        let host = fs::read_to_string(machine.path("host.pub")).unwrap();
        know(&machine, port, &host);
        // Without a network card borg has another host id each time.
        fs::write(
            machine.path("sshd_config"),
            format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {host}\nAuthorizedKeysFile {keys}\n\
                 StrictModes no\nUsePAM no\nPidFile none\nSetEnv BORG_HOST_ID=server\n",
                host = machine.path("host").display(),
                keys = machine.path("authorized").display(),
            ),
        )
        .unwrap();
        let sshd = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(machine.path("sshd_config"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        let path = machine.path("far/away/repository");
        let url = format!("ssh://{}@127.0.0.1:{port}{}", user.trim(), path.display());
        machine.plan["repository"]["path"] = url.into();
        let credentials = &mut machine.plan["repository"]["credentials"];
        credentials["sshKey"] = "/run/secrets/key".into();
        credentials["sshKnownHosts"] = "/run/secrets/known".into();
        Some(Self {
            machine,
            sshd,
            port,
        })
    }

    fn stop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

fn keygen(file: &Path, comment: &str) {
    let _ = fs::remove_file(file);
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(status.success());
}

fn know(machine: &Machine, port: u16, key: &str) {
    let known = format!("[127.0.0.1]:{port} {key}");
    fs::write(machine.path("credentials/ssh-known-hosts"), known).unwrap();
}

#[test]
fn a_repository_is_created_filled_and_read_over_ssh() {
    let Some(server) = Server::start() else {
        return;
    };
    let machine = &server.machine;
    let ended = machine.back_up_for_real();
    assert_eq!(
        ended.record.outcome,
        Outcome::Success,
        "{:?}",
        ended.record.error
    );
    assert!(machine.path("far/away/repository/config").exists());
    fs::remove_dir_all(machine.source()).unwrap();
    let restored = machine.restore_for_real(&Request::whole("latest"));
    assert_eq!(restored.outcome, Outcome::Success, "{restored}");
    let text = fs::read_to_string(machine.source().join("file")).unwrap();
    assert_eq!(text, "content");
}

#[test]
fn without_a_repository_nothing_but_that_is_said() {
    let Some(server) = Server::start() else {
        return;
    };
    let sources = [server.machine.source()];
    let failure = back_up(&server.machine, &sources).unwrap_err();
    assert_eq!(failure.kind, FailureKind::NoRepository, "{failure}");
}

#[test]
fn an_empty_directory_of_an_administrator_is_taken_and_anything_else_is_not() {
    let Some(server) = Server::start() else {
        return;
    };
    let machine = &server.machine;
    let repository = machine.path("far/away/repository");
    fs::create_dir_all(&repository).unwrap();
    fs::write(repository.join("photo"), "x").unwrap();
    let refused = machine.back_up_for_real().record.error.unwrap();
    assert!(refused.message.contains("something else"), "{refused}");
    assert!(!repository.join("config").exists());

    fs::remove_file(repository.join("photo")).unwrap();
    let ended = machine.back_up_for_real();
    let error = ended.record.error.map(|error| error.to_string());
    assert_eq!(ended.record.outcome, Outcome::Success, "{error:?}");
}

#[test]
fn the_reason_of_a_failure_on_the_server_is_its_message() {
    let Some(server) = Server::start() else {
        return;
    };
    let machine = &server.machine;
    let parent = machine.path("far/away");
    fs::create_dir_all(&parent).unwrap();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(parent.join("probe"), "x").is_ok() {
        println!("skipped: root can write everywhere");
        return;
    }
    let ended = machine.back_up_for_real();
    fs::set_permissions(&parent, fs::Permissions::from_mode(0o755)).unwrap();
    let problem = ended.record.error.unwrap();
    let reason = format!("Permission denied: {}", parent.join("repository").display());
    assert!(problem.message.ends_with(&reason), "{problem}");
    let remedy = problem.remedy.unwrap();
    assert!(remedy.contains("on the server"), "{remedy}");
}

#[test]
fn a_server_that_cannot_be_reached_is_a_passing_trouble() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.stop();
    let ended = server.machine.back_up_for_real();
    assert!(ended.transient, "{:?}", ended.record.error);
    let mut phases = ended.record.phases.iter();
    assert!(!phases.any(|phase| phase.name == "init"));
}

#[test]
fn strangers_are_refused_with_a_remedy() {
    let Some(server) = Server::start() else {
        return;
    };
    let machine = &server.machine;
    let refused = |expected: &str, said: &str| {
        let failure = back_up(machine, &[machine.source()]).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Failed, "{failure}");
        let message = &failure.problem.message;
        assert!(message.contains(said), "{message}");
        let remedy = failure.problem.remedy.unwrap();
        assert!(remedy.contains(expected), "{remedy}");
    };
    let host = fs::read_to_string(machine.path("host.pub")).unwrap();
    keygen(&machine.path("other"), "other");
    let other = fs::read_to_string(machine.path("other.pub")).unwrap();
    know(machine, server.port, &other);
    refused(
        "repository.sshKnownHostsFile",
        "): Host key verification failed.",
    );
    fs::write(machine.path("credentials/ssh-known-hosts"), "").unwrap();
    refused(
        "repository.sshKnownHostsFile",
        "): Host key verification failed.",
    );
    know(machine, server.port, &host);

    let key = fs::read_to_string(machine.path("authorized")).unwrap();
    let restricted = format!("command=\"borg serve --restrict-to-path /elsewhere\" {key}");
    fs::write(machine.path("authorized"), restricted).unwrap();
    refused("authorized_keys", "");
    fs::write(
        machine.path("authorized"),
        format!("command=\"borg14\" {key}"),
    )
    .unwrap();
    refused("borg is installed", "");
    fs::write(machine.path("authorized"), other).unwrap();
    refused("repository.sshKeyFile", ": Permission denied (publickey");
}

#[test]
fn a_connection_that_breaks_is_a_passing_trouble_and_leaves_no_lock() {
    let Some(server) = Server::start() else {
        return;
    };
    let machine = &server.machine;
    with(machine, |provider, job| provider.init(job).unwrap());
    // The line breaks when half of the data has been sent, and so the repository is locked.
    fs::write(machine.source().join("random"), random(1_000_000)).unwrap();
    let script = machine.path("serve");
    let text = "#!/bin/sh\nexec 3<&0\nmkfifo $0.fifo\nborg serve <$0.fifo & borg=$!\n\
                { dd bs=4096 count=500000 iflag=count_bytes status=none <&3; kill -KILL $PPID $borg; } >$0.fifo\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let key = fs::read_to_string(machine.path("authorized")).unwrap();
    let broken = format!("command=\"exec {}\" {key}", script.display());
    fs::write(machine.path("authorized"), broken).unwrap();
    let failure = back_up(machine, &[machine.source()]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Transient, "{failure}");

    fs::write(machine.path("authorized"), key).unwrap();
    let backup = back_up(machine, &[machine.source()]).unwrap();
    assert_eq!(backup.incomplete, None);
}

#[test]
fn a_password_is_generated_only_for_a_repository_that_is_certainly_missing() {
    let Some(mut server) = Server::start() else {
        return;
    };
    server.machine.plan["repository"]["passwordGenerated"] = true.into();
    let file = server.machine.path("credentials/password");
    let may_generate = |server: &Server| {
        fs::write(&file, "unknown\n").unwrap();
        let machine = &server.machine;
        let invocation = machine.invocation(&backupservice::provider::open);
        let status = exists::run(&machine.parsed_plan(), &invocation).unwrap();
        fs::write(&file, "\n").unwrap();
        status == 0
    };
    let refused = |server: &Server| {
        let ended = server.machine.back_up_for_real();
        assert_eq!(ended.record.outcome, Outcome::Failed);
        (ended.record.error.unwrap(), ended.transient)
    };
    assert!(may_generate(&server));
    let (problem, _) = refused(&server);
    assert!(
        problem.message.starts_with("there is no password in "),
        "{problem}"
    );
    // Maintenance before the first backup is nothing to worry about.
    let maintained = server.machine.maintain_for_real().record;
    assert_eq!(maintained.outcome, Outcome::Skipped, "{maintained}");

    fs::write(&file, "secret\n").unwrap();
    with(&server.machine, |provider, job| provider.init(job).unwrap());
    assert!(!may_generate(&server));
    let (problem, transient) = refused(&server);
    assert!(
        !transient
            && problem
                .message
                .contains("exists already, but its password is not in"),
        "{problem}"
    );

    server.stop();
    assert!(!may_generate(&server));
    let (problem, transient) = refused(&server);
    assert!(
        transient && problem.message.contains("cannot be reached"),
        "{problem}"
    );
}
