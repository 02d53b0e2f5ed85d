//! systemd's D-Bus interface, served on a private bus by something that pretends.

use std::thread;

use crate::common::fake_bus::Bus;
use backupservice::base::cancel::Cancel;
use backupservice::systemd::units::{Activity, Reason, Units, taken_down_with};

#[test]
fn a_start_waits_for_the_end_of_its_job_and_reads_the_result() {
    let Some(bus) = Bus::start() else { return };
    let systemd = bus.systemd();
    let waiting = thread::spawn(move || systemd.start_and_wait("slow.service", &Cancel::never()));
    bus.wait_for_call();
    assert!(!waiting.is_finished());
    bus.end_slow();
    let result = waiting.join().unwrap().unwrap();
    assert!(result.succeeded(), "{result:?}");
    // What it had before the end is another.
    assert_eq!(result.invocation_id, "000102030405060708090a0b0c0d0e0f");
}

#[test]
fn a_job_that_ends_before_its_name_is_known_is_not_missed() {
    let Some(bus) = Bus::start() else { return };
    let systemd = bus.systemd();
    for _ in 0..20 {
        // This systemd is not able to say whether there is still a job.
        assert!(
            systemd
                .start_and_wait("fast.service", &Cancel::never())
                .unwrap()
                .succeeded()
        );
    }
}

#[test]
fn a_failed_service_tells_its_exit_status() {
    let Some(bus) = Bus::start() else { return };
    let result = bus
        .systemd()
        .start_and_wait("failing.service", &Cancel::never())
        .unwrap();
    assert!(!result.succeeded());
    assert_eq!(result.to_string(), "failed with exit status 7");
}

#[test]
fn a_job_whose_end_nobody_reported_proves_nothing() {
    let Some(bus) = Bus::start() else { return };
    let result = bus
        .systemd()
        .start_and_wait("lost.service", &Cancel::never())
        .unwrap();
    assert!(!result.succeeded());
    assert_eq!(result.to_string(), "was not started (job result \"lost\")");
}

#[test]
fn a_cancel_request_stops_what_was_being_started() {
    let Some(bus) = Bus::start() else { return };
    let cancel = Cancel::default();
    let (systemd, asked) = (bus.systemd(), cancel.clone());
    let waiting = thread::spawn(move || systemd.start_and_wait("endless.service", &asked));
    bus.wait_for_call();
    cancel.request();
    let result = waiting.join().unwrap().unwrap();
    assert!(result.cancelled);
    assert_eq!(
        bus.calls(),
        ["start endless.service", "stop endless.service"]
    );
}

#[test]
fn what_does_not_exist_and_what_is_refused_are_told_apart() {
    let Some(bus) = Bus::start() else { return };
    let systemd = bus.systemd();
    let start = |unit| systemd.start_and_wait(unit, &Cancel::never()).unwrap_err();
    let missing = start("missing.service");
    assert_eq!(missing.reason, Reason::NotFound);
    assert_eq!(
        missing.problem.message,
        "unit missing.service does not exist"
    );
    let refused = start("refused.service");
    assert_eq!(refused.reason, Reason::Refused);
    assert!(
        refused.problem.message.starts_with("polkit does not allow"),
        "{refused}"
    );
}

#[test]
fn what_a_stop_takes_down_is_found_to_the_end() {
    let Some(bus) = Bus::start() else { return };
    let systemd = bus.systemd();
    // slow.service ← fast.service ← endless.service, and failing.service does not run.
    let down = taken_down_with(&systemd, "slow.service", &|_| false).unwrap();
    assert_eq!(down, ["fast.service", "endless.service"]);
    assert_eq!(systemd.triggers("slow.service").unwrap(), ["slow.socket"]);
    assert_eq!(systemd.activity("failing.service"), Ok(Activity::Inactive));
    assert!(!systemd.shutting_down());
}

#[test]
fn a_bus_that_goes_away_ends_the_wait() {
    let Some(mut bus) = Bus::start() else { return };
    let systemd = bus.systemd();
    let waiting =
        thread::spawn(move || systemd.start_and_wait("endless.service", &Cancel::never()));
    bus.wait_for_call();
    bus.daemon.kill().unwrap();
    let error = waiting.join().unwrap().unwrap_err();
    assert_eq!(error.reason, Reason::Unreachable);
}
