//! Queries to systemd.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::task::Poll;

use jiff::Timestamp;
use zbus::Connection;
use zbus::wire::OwnedObjectPath;

use super::TimedUnit;
use crate::base::unit_names;
use crate::systemd::client::{self, ListedUnit};
use crate::systemd::crash::{self, Crash};

/// Maximum number of concurrent calls; a bus limits the pending calls of a client.
const AT_ONCE: usize = 32;

/// State of a service that waits for its next attempt.
const RETRYING: &str = "auto-restart";

/// The restores of all instances that systemd knows of.
pub(super) async fn restores(connection: &Connection) -> zbus::Result<Vec<(String, TimedUnit)>> {
    let listed = client::list_matching(connection, &unit_names::restores("*")).await?;
    Ok(listed.into_iter().map(unlisted).collect())
}

/// Lists units, with the next elapse of the timers among them and the cause of failures.
pub(super) async fn units(
    connection: &Connection,
    names: &[String],
) -> zbus::Result<BTreeMap<String, TimedUnit>> {
    let listed = client::list_units(connection, names).await?;
    let mut units: BTreeMap<String, TimedUnit> = listed.into_iter().map(unlisted).collect();
    // No service is ever called so.
    let mut waiting: Vec<&mut TimedUnit> = units
        .values_mut()
        .filter(|unit| unit.unit.sub == "waiting")
        .collect();
    for some in waiting.chunks_mut(AT_ONCE) {
        let questions = some
            .iter()
            .map(|unit| next_elapse(connection, &unit.unit.path));
        let answers = together(questions).await;
        for (unit, answer) in some.iter_mut().zip(answers) {
            unit.next = answer?;
        }
    }
    // Rarely any, and no timer.
    for unit in units.values_mut() {
        if unit.unit.sub == RETRYING {
            unit.next = next_attempt(connection, &unit.unit.path).await?;
        }
        if unit.unit.active == "failed" && unit.unit.name.ends_with(".service") {
            let crash = crash::read(connection, &unit.unit.path).await;
            // That it failed is known all the same.
            unit.crash = Some(crash.unwrap_or_else(|error| Crash {
                invocation: String::new(),
                cause: format!("systemd does not say why ({error})"),
            }));
        }
    }
    Ok(units)
}

fn unlisted(unit: ListedUnit) -> (String, TimedUnit) {
    let timed = TimedUnit {
        unit,
        next: None,
        crash: None,
    };
    (timed.unit.name.clone(), timed)
}

/// When systemd starts a service again that waits for that. It counts from the last change of
/// the service's state.
async fn next_attempt(
    connection: &Connection,
    service: &OwnedObjectPath,
) -> zbus::Result<Option<Timestamp>> {
    let since: u64 =
        client::property(connection, service, client::UNIT, "StateChangeTimestamp").await?;
    let delay: u64 =
        client::property(connection, service, client::UNIT_SERVICE, "RestartUSecNext").await?;
    let next = i64::try_from(since.saturating_add(delay)).ok();
    Ok(next.and_then(|next| Timestamp::from_microsecond(next).ok()))
}

async fn next_elapse(
    connection: &Connection,
    timer: &OwnedObjectPath,
) -> zbus::Result<Option<Timestamp>> {
    let microseconds: u64 =
        client::property(connection, timer, client::TIMER, "NextElapseUSecRealtime").await?;
    // Neither 0 nor the end of time is a time.
    Ok(i64::try_from(microseconds)
        .ok()
        .filter(|microseconds| *microseconds > 0)
        .and_then(|microseconds| Timestamp::from_microsecond(microseconds).ok()))
}

/// Waits for several futures concurrently.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if outputs.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
