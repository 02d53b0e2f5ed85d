//! Reading snapshots for somebody else, in a unit of its own that holds the credentials: systemd
//! starts it with a connection, whose other end belongs to the reader.
//!
//! Whatever is read goes through this connection, and nothing is kept: a reader who is slow
//! slows down the provider.

mod answer;
pub mod wire;

use std::io::{self, BufReader, ErrorKind, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use crate::base::cancel::Cancel;
use crate::base::outcome::FailureKind;
use crate::plan::Plan;
use crate::provider;
use crate::report::Report;
use crate::run::invocation::Invocation;
use answer::Browser;
use wire::Request;

/// How long a reader may take nothing. A provider that waits for a reader may hold a lock: less
/// than a locked backup is tried again for.
pub const STALLED: Duration = Duration::from_mins(5);

/// Answers the request that comes over `connection`, unless its reader takes nothing for
/// `stalled`.
///
/// # Errors
/// The connection cannot be used.
pub fn run(
    plan: &Plan,
    invocation: &Invocation<'_>,
    connection: &UnixStream,
    stalled: Duration,
) -> io::Result<()> {
    connection.set_write_timeout(Some(stalled))?;
    let mut reader = BufReader::new(connection.try_clone()?);
    let request = Request::receive(&mut reader);
    end_with_reader(reader, invocation.cancel.clone());
    let mut report = Report::of_restore(
        &invocation.directories,
        &plan.instance,
        provider::name(plan.provider.kind),
        &invocation.id,
    );
    let result = request.and_then(|request| {
        Browser::open(plan, &request, invocation, &mut report, connection)?
            .answer(&request.question)
    });
    if let Err(failure) = &result
        && failure.kind != FailureKind::Cancelled
    {
        report.problem(&failure.problem);
    }
    let sent = wire::send_end(&mut &*connection, &result);
    // Ends the thread that waits for the reader.
    connection.shutdown(Shutdown::Both).ok();
    match sent {
        // Nobody is left to be told.
        Err(error) if is_gone(&error) => Ok(()),
        sent => sent,
    }
}

/// Cancels the reading once the reader has closed the connection.
fn end_with_reader(mut reader: impl Read + Send + 'static, cancel: Cancel) {
    thread::spawn(move || {
        let mut rest = [0; 1024];
        while reader.read(&mut rest).is_ok_and(|length| length > 0) {}
        cancel.request();
    });
}

fn is_gone(error: &io::Error) -> bool {
    [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind())
}
