//! Progress of a unit, from its state file: a bar on a terminal, otherwise one line per phase.

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use crate::base::measure::size;
use crate::report::doing;
use crate::report::record::RunState;

/// Interval between two readings of the state file.
const TICK: Duration = Duration::from_millis(200);
/// Length of the bar.
const STEPS: u64 = 1000;

/// Executes `work`, while showing the progress in the state file on standard error. That of
/// a run which started before `since` is not shown: a killed one may have left it.
/// Without a state, it shows what `between` says, such as what is waited for.
pub fn show_while<T>(
    file: &Path,
    since: Option<Timestamp>,
    between: &(dyn Fn() -> Option<String> + Sync),
    work: impl FnOnce() -> T,
) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let shower = scope.spawn(|| {
            let mut shower = Shower::new();
            while !ended.load(Ordering::SeqCst) {
                let is_meant = |state: &RunState| since.is_none_or(|since| state.started >= since);
                match read(file).filter(is_meant) {
                    Some(state) => shower.show(&state),
                    None => between().into_iter().for_each(|text| shower.say(&text)),
                }
                thread::park_timeout(TICK);
            }
            shower.end();
        });
        let result = work();
        ended.store(true, Ordering::SeqCst);
        shower.thread().unpark();
        result
    })
}

fn read(file: &Path) -> Option<RunState> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

enum Shower {
    Bar(ProgressBar),
    Lines(String),
}

impl Shower {
    fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Lines(String::new());
        }
        let bar = ProgressBar::new(STEPS);
        bar.set_style(style("{spinner} {msg}"));
        bar.enable_steady_tick(TICK);
        Self::Bar(bar)
    }

    fn show(&mut self, state: &RunState) {
        match self {
            Self::Lines(last) if *last == state.phase => {}
            Self::Lines(last) => {
                last.clone_from(&state.phase);
                eprintln!("{}: {}", state.instance, doing(&state.phase));
            }
            Self::Bar(bar) => {
                bar.set_message(doing(&state.phase).to_owned());
                let Some(progress) = state.progress.filter(|progress| progress.bytes_total > 0)
                else {
                    bar.set_style(style("{spinner} {msg}"));
                    return;
                };
                bar.set_style(style("{spinner} {msg} {wide_bar} {percent} % {prefix}"));
                let done = size(progress.bytes_done);
                bar.set_prefix(format!("{done} of {}", size(progress.bytes_total)));
                bar.set_position(steps(progress.fraction));
            }
        }
    }

    fn say(&mut self, text: &str) {
        match self {
            Self::Lines(last) if last == text => {}
            Self::Lines(last) => {
                text.clone_into(last);
                eprintln!("{text}");
            }
            Self::Bar(bar) => {
                bar.set_style(style("{spinner} {msg}"));
                bar.set_message(text.to_owned());
            }
        }
    }

    fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Converts a fraction from a file, which may be any number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn steps(fraction: f64) -> u64 {
    (fraction.clamp(0.0, 1.0) * 1000.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_fraction_stays_within_the_bar() {
        for (fraction, expected) in [
            (0.437, 437),
            (-1.0, 0),
            (7.0, STEPS),
            (f64::NAN, 0),
            (f64::INFINITY, STEPS),
        ] {
            assert_eq!(steps(fraction), expected);
        }
    }
}
