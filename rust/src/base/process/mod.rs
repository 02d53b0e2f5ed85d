//! The only place that starts processes.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal};

use crate::base::cancel::Cancel;

/// Interval at which waiting loops check [`Cancel`].
pub const TICK: Duration = Duration::from_millis(100);

/// Maximum time for which output is read after the process has ended: a grandchild (ssh) may
/// hold the pipe.
const LINGER: Duration = Duration::from_secs(5);

/// Time between SIGTERM and SIGKILL: long enough to remove a lock from a slow repository.
const GRACE: Duration = Duration::from_secs(30);

/// Longest line on standard output that is kept, in bytes: a list of ten thousand snapshots.
const LONGEST_OUT: usize = 16 << 20;

/// Longest line on standard error that is kept, in bytes.
const LONGEST_ERR: usize = 64 << 10;

/// End of a line that was longer.
const TRUNCATED: &[u8] = b" [line truncated]";

/// Largest piece of standard output, in bytes.
const PIECE: usize = 64 << 10;

/// Number of lines or pieces that wait to be read.
const QUEUED: usize = 16;

/// A program to run. It inherits no environment variables.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Absolute path.
    pub program: PathBuf,
    /// Arguments, each passed as it is.
    pub arguments: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(String, OsString)>,
    /// Working directory; none for that of the executor.
    pub directory: Option<PathBuf>,
    /// Standard input.
    pub input: Vec<u8>,
    /// Standard input if `input` is empty: a locked file, whose lock the program then holds as
    /// long as it lives.
    pub held: Option<Arc<OwnedFd>>,
    /// Form in which standard output is passed on.
    pub output: Output,
}

/// Form in which standard output is passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Line by line.
    #[default]
    Lines,
    /// In pieces of up to 64 KiB, byte for byte.
    Pieces,
}

/// A line of output without its newline, or a piece of it; need not be UTF-8. A line of more
/// than 16 MiB on standard output or 64 KiB on standard error is cut off there, and says so at
/// its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// From standard output.
    Out(Vec<u8>),
    /// From standard error.
    Err(Vec<u8>),
}

/// Exit of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// SIGTERM was sent because of [`Cancel`].
    pub cancelled: bool,
}

/// Runs a program to its end and passes on each line of output as it comes. On a cancel
/// request, sends SIGTERM, and SIGKILL 30 s later.
///
/// # Errors
/// The program cannot be started or waited for. A failing program is not an error here.
pub fn run(command: &Command, cancel: &Cancel, on_line: &mut dyn FnMut(Line)) -> Result<Exit> {
    run_while(command, cancel, &mut |line| {
        if let Some(line) = line {
            on_line(line);
        }
        true
    })
}

/// Like [`run`], but also calls `goes_on` without a line at least every [`TICK`]. Once it
/// returns false, stops the program as on a cancel request, without setting
/// [`Exit::cancelled`].
///
/// # Errors
/// See [`run`].
pub fn run_while(
    command: &Command,
    cancel: &Cancel,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    run_with(command, cancel, GRACE, &mut |_| Ok(()), goes_on)
}

/// Like [`run_while`], but first calls `started` with the id of the process, which does nothing
/// until that returns, and is killed if it fails.
///
/// # Errors
/// See [`run`]; or `started` failed.
pub fn run_noted(
    command: &Command,
    cancel: &Cancel,
    started: &mut dyn FnMut(u32) -> Result<()>,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    let mut started = |child: &Child| {
        send(child, Signal::STOP);
        let noted = started(child.id());
        send(child, Signal::CONT);
        noted
    };
    run_with(command, cancel, GRACE, &mut started, goes_on)
}

fn run_with(
    command: &Command,
    cancel: &Cancel,
    grace: Duration,
    started: &mut dyn FnMut(&Child) -> Result<()>,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    let mut process = std::process::Command::new(&command.program);
    if let Some(directory) = &command.directory {
        process.current_dir(directory);
    }
    let mut child = process
        .args(&command.arguments)
        .env_clear()
        .envs(command.environment.iter().map(|(k, v)| (k, v)))
        .stdin(match &command.held {
            _ if !command.input.is_empty() => Stdio::piped(),
            Some(held) => held.try_clone().context("cannot pass on a lock")?.into(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.program.display()))?;
    if let Err(error) = started(&child) {
        child.kill().and_then(|()| child.wait()).ok();
        return Err(error);
    }
    if let Some(mut stdin) = child.stdin.take() {
        let input = command.input.clone();
        // The program may end without reading all of it.
        thread::spawn(move || drop(stdin.write_all(&input)));
    }
    // Bounded, so that a program with much output waits instead of filling the memory.
    let (sender, lines) = sync_channel(QUEUED);
    let out = child.stdout.take();
    let err = child.stderr.take();
    match command.output {
        Output::Lines => read_lines(out, Line::Out, LONGEST_OUT, sender.clone()),
        Output::Pieces => read_pieces(out, sender.clone()),
    }
    read_lines(err, Line::Err, LONGEST_ERR, sender);
    follow(&mut child, &lines, cancel, grace, goes_on)
}

fn follow(
    child: &mut Child,
    lines: &Receiver<Line>,
    cancel: &Cancel,
    grace: Duration,
    goes_on: &mut dyn FnMut(Option<Line>) -> bool,
) -> Result<Exit> {
    let mut cancelled = false;
    let mut enough = false;
    let mut asked: Option<Instant> = None;
    let mut killed = false;
    let mut ended: Option<ExitStatus> = None;
    // Without the time that `goes_on` took: its reader may be slow.
    let mut lingered = Duration::ZERO;
    loop {
        match asked {
            _ if ended.is_some() || killed => {}
            None if enough || cancel.requested() => {
                cancelled = !enough;
                asked = Some(Instant::now());
                send(child, Signal::TERM);
            }
            Some(since) if since.elapsed() > grace => {
                log::warn!("process {} ignores SIGTERM and is killed", child.id());
                killed = true;
                send(child, Signal::KILL);
            }
            _ => {}
        }
        let waiting = Instant::now();
        let line = match lines.recv_timeout(TICK) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) if ended.is_some() => break,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(TICK / 10);
                None
            }
        };
        if ended.is_some() {
            lingered += waiting.elapsed();
        }
        enough |= !goes_on(line);
        if ended.is_none() {
            ended = child.try_wait().context("cannot wait for a child")?;
        } else if lingered > LINGER {
            break;
        }
    }
    let status = match ended {
        Some(status) => status,
        None => child.wait().context("cannot wait for a child")?,
    };
    Ok(Exit {
        code: status.code(),
        signal: status.signal(),
        cancelled,
    })
}

/// The child has not been waited for, so its id cannot belong to another process.
fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid
        && let Err(error) = rustix::process::kill_process(pid, signal)
    {
        log::warn!("cannot send {signal:?} to process {}: {error}", child.id());
    }
}

fn read_lines(
    pipe: Option<impl Read + Send + 'static>,
    tag: fn(Vec<u8>) -> Line,
    longest: usize,
    sender: SyncSender<Line>,
) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            let mut start = reader.by_ref().take(longest as u64);
            match start.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            } else if line.len() == longest {
                match reader.skip_until(b'\n') {
                    Err(_) => return,
                    Ok(0 | 1) => {}
                    Ok(_) => line.extend_from_slice(TRUNCATED),
                }
            }
            if sender.send(tag(line)).is_err() {
                return;
            }
        }
    });
}

fn read_pieces(pipe: Option<impl Read + Send + 'static>, sender: SyncSender<Line>) {
    let Some(mut pipe) = pipe else { return };
    thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            match pipe.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return,
                Ok(length) => {
                    if sender.send(Line::Out(piece[..length].to_vec())).is_err() {
                        return;
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests;
