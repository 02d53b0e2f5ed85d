//! The questions to systemd.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::task::Poll;

use jiff::Timestamp;
use zbus::Connection;
use zbus::wire::{OwnedObjectPath, OwnedVariant};

use super::Unit;

const SERVICE: &str = "org.freedesktop.systemd1";

/// So many questions are on the way at once: a bus limits what a client may have open.
const AT_ONCE: usize = 32;

/// These units, and when the timers among them elapse.
pub(super) async fn units(
    connection: &Connection,
    names: &[String],
) -> zbus::Result<BTreeMap<String, Unit>> {
    let mut units = list(connection, names).await?;
    // No service is ever called so.
    let mut waiting: Vec<&mut Unit> = units
        .values_mut()
        .filter(|unit| unit.sub == "waiting")
        .collect();
    for some in waiting.chunks_mut(AT_ONCE) {
        let questions = some.iter().map(|unit| next_elapse(connection, &unit.path));
        let answers = together(questions).await;
        for (unit, answer) in some.iter_mut().zip(answers) {
            unit.next = answer?;
        }
    }
    Ok(units)
}

/// All units in one answer. systemd tells even of those that it has not loaded.
async fn list(connection: &Connection, names: &[String]) -> zbus::Result<BTreeMap<String, Unit>> {
    /// name, description, load state, active state, sub state, followed unit, path,
    /// job id, job type, job path
    type Row = (
        String,
        String,
        String,
        String,
        String,
        String,
        OwnedObjectPath,
        u32,
        String,
        OwnedObjectPath,
    );

    let reply = connection
        .call_method(
            Some(SERVICE),
            "/org/freedesktop/systemd1",
            Some("org.freedesktop.systemd1.Manager"),
            "ListUnitsByNames",
            &(names,),
        )
        .await?;
    let rows: Vec<Row> = reply.body().deserialize()?;
    Ok(rows
        .into_iter()
        .map(|(name, _, load, active, sub, _, path, ..)| {
            let unit = Unit {
                load,
                active,
                sub,
                path,
                next: None,
            };
            (name, unit)
        })
        .collect())
}

async fn next_elapse(
    connection: &Connection,
    timer: &OwnedObjectPath,
) -> zbus::Result<Option<Timestamp>> {
    let question = ("org.freedesktop.systemd1.Timer", "NextElapseUSecRealtime");
    let reply = connection
        .call_method(
            Some(SERVICE),
            timer,
            Some("org.freedesktop.DBus.Properties"),
            "Get",
            &question,
        )
        .await?;
    let value: OwnedVariant = reply.body().deserialize()?;
    let microseconds = u64::try_from(value)?;
    // Neither 0 nor the end of time is a time.
    Ok(i64::try_from(microseconds)
        .ok()
        .filter(|microseconds| *microseconds > 0)
        .and_then(|microseconds| Timestamp::from_microsecond(microseconds).ok()))
}

/// Waits for all of them, so that each is on its way before the first is there.
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
