//! What people should have been told: judged from the truth, minute by minute, with none of
//! the monitor's code or files.

use std::collections::BTreeSet;

use serde_json::Value;

use super::jobs::{DAY, DELAY, Ended, HOUR, MINUTE, next};
use super::laptop::{Laptop, Message};
use crate::base::outcome::Outcome;

/// `backupservice.notify.grace`.
pub(super) const GRACE: i64 = HOUR;

/// How exactly time awake is known: between two scans.
const EXACTNESS: i64 = 20 * MINUTE;

/// Time before which the clock is plainly wrong: 2026.
const PLAINLY_WRONG: i64 = 1_767_225_600;

/// What is known of a job.
#[derive(Clone, Debug)]
struct Job {
    /// Time that the clock showed at the last success; both are the same unless it was wrong.
    earliest: i64,
    latest: i64,
    /// Seconds awake without a success although it was time for one, at most and at least.
    most_late: i64,
    least_late: i64,
    /// Longest success, at work.
    longest: i64,
    /// Bad news that nothing good has followed.
    bad: BTreeSet<String>,
}

/// Counts of a year.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub failures: u32,
    pub overdue: u32,
    pub recoveries: u32,
    pub cleanups: u32,
    pub clocks: u32,
    pub messages: u32,
    pub summaries: u32,
}

pub(super) struct Oracle {
    jobs: Vec<Job>,
    /// Bad ends that must be told: job, kind, and the id of the run if it has a record.
    untold: Vec<(usize, String, Option<String>)>,
    /// Runs after which the first good news must come.
    recovered: Vec<(usize, String, String)>,
    last_scan: Option<i64>,
    /// Time that the clock showed at the last scan.
    last_shown: Option<i64>,
    /// Events that the hook got which always works, and how many of them the other one has.
    told: Vec<Value>,
    phone: usize,
    pub counts: Counts,
    pub faults: Vec<String>,
}

impl Oracle {
    pub fn new(laptop: &Laptop) -> Self {
        let job = Job {
            earliest: laptop.shown(),
            latest: laptop.shown(),
            most_late: 0,
            least_late: 0,
            longest: 0,
            bad: BTreeSet::new(),
        };
        Self {
            jobs: laptop.jobs().iter().map(|_| job.clone()).collect(),
            untold: Vec::new(),
            recovered: Vec::new(),
            last_scan: None,
            last_shown: None,
            told: Vec::new(),
            phone: 0,
            counts: Counts::default(),
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, laptop: &Laptop, text: &str) {
        let (time, wrong_by) = (laptop.time(), laptop.wrong_by());
        let day = time / DAY;
        let minute = time % DAY / MINUTE;
        self.faults.push(format!(
            "day {day}, minute {minute}, clock off by {wrong_by}: {text}"
        ));
    }

    /// A minute awake.
    pub fn minute(&mut self, laptop: &Laptop) {
        let shown = laptop.shown();
        if shown < PLAINLY_WRONG {
            return;
        }
        for (job, schedule) in self.jobs.iter_mut().zip(laptop.jobs()) {
            // The clock was set back behind a success, which was none the less.
            if job.latest > shown {
                (job.latest, job.least_late) = (shown, 0);
            }
            if job.earliest > shown {
                (job.earliest, job.most_late) = (shown, 0);
            }
            if shown >= next(schedule.period, job.earliest) {
                job.most_late += MINUTE;
            }
            if shown >= next(schedule.period, job.latest) {
                job.least_late += MINUTE;
            }
        }
    }

    /// The time since the last scan is not known to anybody after a boot.
    pub fn off(&mut self, awake_since_scan: i64) {
        for job in &mut self.jobs {
            job.least_late = (job.least_late - awake_since_scan).max(0);
        }
    }

    pub fn ended(&mut self, laptop: &Laptop, ended: &Ended) {
        let number = ended.job;
        let is_maintenance = laptop.jobs()[number].is_maintenance;
        let kind = |kind: &str| {
            let prefix = if is_maintenance { "maintenance-" } else { "" };
            format!("{prefix}{kind}")
        };
        let id = ended.has_record.then(|| ended.id.clone());
        match ended.outcome {
            Outcome::Success => {
                let job = &mut self.jobs[number];
                let shown = laptop.shown();
                job.earliest = shown;
                job.latest = if job.latest <= shown {
                    shown
                } else {
                    job.latest
                };
                (job.most_late, job.least_late) = (0, 0);
                job.longest = job.longest.max(ended.length * MINUTE);
                self.recovered
                    .push((number, kind("recovered"), ended.id.clone()));
            }
            Outcome::Failed => self.untold.push((number, kind("failed"), id)),
            Outcome::Incomplete => self.untold.push((number, kind("incomplete"), id)),
            Outcome::Skipped | Outcome::Cancelled => {}
        }
        if ended.cleanup_failed {
            let id = Some(ended.id.clone());
            self.untold.push((number, "cleanup-failed".to_owned(), id));
        }
    }

    /// A scan has ended.
    pub fn scanned(&mut self, laptop: &Laptop) {
        let messages = laptop.take_messages();
        let (local, phone): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|one| one.hook == "local");
        self.clock(laptop, &local);
        for Message { event, .. } in local {
            self.judge(laptop, &event);
            self.told.push(event);
            self.counts.messages += 1;
        }
        self.missed(laptop);
        for Message { event, .. } in phone {
            self.phone(laptop, &event);
        }
        if laptop.has_network() && self.phone != self.told.len() {
            let left = &self.told[self.phone..];
            self.fault(laptop, &format!("not delivered with a network: {left:?}"));
            self.phone = self.told.len();
        }
        self.last_scan = Some(laptop.time());
        self.last_shown = Some(laptop.shown());
    }

    /// Whether there was a reason for a message.
    fn judge(&mut self, laptop: &Laptop, event: &Value) {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let (kind, instance) = (text("kind"), text("instance"));
        let id = event["record"]["runId"].as_str().map(str::to_owned);
        if kind.starts_with("clock-") {
            return;
        }
        let of_maintenance = kind.starts_with("maintenance-");
        let job = laptop
            .jobs()
            .iter()
            .position(|job| job.instance == instance && job.is_maintenance == of_maintenance);
        let Some(number) = job else {
            return self.fault(laptop, &format!("false alarm: {event}"));
        };
        let short = kind.trim_start_matches("maintenance-").to_owned();
        let job = &mut self.jobs[number];
        let reason = match short.as_str() {
            "overdue" => {
                self.counts.overdue += 1;
                job.bad.insert(short) && job.most_late + EXACTNESS >= GRACE + DELAY
            }
            "failed" | "incomplete" | "cleanup-failed" => {
                self.counts.failures += 1;
                job.bad.insert(short);
                let this = (number, kind, id);
                let found = self.untold.iter().position(|one| *one == this);
                found.map(|found| self.untold.remove(found)).is_some()
            }
            "cleaned-up" => {
                self.counts.cleanups += 1;
                job.bad.remove("cleanup-failed")
            }
            "recovered" => {
                self.counts.recoveries += 1;
                let before = job.bad.len();
                job.bad.retain(|bad| bad == "cleanup-failed");
                let this = (number, kind, id.unwrap_or_default());
                before > job.bad.len() && self.recovered.contains(&this)
            }
            _ => false,
        };
        if !reason {
            let job = self.jobs[number].clone();
            self.fault(laptop, &format!("false alarm: {event}: {job:?}"));
        }
    }

    /// Whether something should have been told by now.
    fn missed(&mut self, laptop: &Laptop) {
        let mut missed = Vec::new();
        self.untold.retain(|one| {
            // Nothing is told as long as a later run may make up for it.
            let waits = laptop.is_busy(one.0);
            if !waits {
                missed.push(format!("missed: {one:?}"));
            }
            waits
        });
        let clock_is_right = laptop.shown() >= PLAINLY_WRONG;
        for (number, schedule) in laptop.jobs().iter().enumerate() {
            let job = &mut self.jobs[number];
            let recovered = self.recovered.iter().any(|one| one.0 == number);
            if recovered && job.bad.iter().any(|bad| bad != "cleanup-failed") && job.most_late == 0
            {
                missed.push(format!("recovery not told: {} {job:?}", schedule.instance));
                job.bad.clear();
            }
            let patience = if schedule.is_maintenance || laptop.is_busy(number) {
                DAY
            } else {
                job.longest
            };
            let limit = GRACE + DELAY + patience + EXACTNESS;
            if clock_is_right && job.least_late > limit && job.bad.insert("overdue".to_owned()) {
                missed.push(format!("missed: overdue: {} {job:?}", schedule.instance));
            }
        }
        self.recovered.clear();
        for text in missed {
            self.fault(laptop, &text);
        }
    }

    /// Whether messages about the clock are due, and only those.
    fn clock(&mut self, laptop: &Laptop, messages: &[Message]) {
        let is_wrong = |shown: i64| shown < PLAINLY_WRONG;
        let shown = laptop.shown();
        let expected = self
            .last_shown
            .and_then(|last| match (is_wrong(last), is_wrong(shown)) {
                (true, true) => None,
                (true, false) => Some("clock-right"),
                (false, true) => Some("clock-wrong"),
                (false, false) => (shown + 5 * MINUTE < last).then_some("clock-wrong"),
            });
        let kinds = messages.iter().filter_map(|one| one.event["kind"].as_str());
        let told: Vec<&str> = kinds.filter(|kind| kind.starts_with("clock-")).collect();
        self.counts.clocks += u32::try_from(told.len()).unwrap();
        if told != expected.into_iter().collect::<Vec<_>>() {
            self.fault(laptop, &format!("clock: told {told:?}, not {expected:?}"));
        }
    }

    /// Whether the phone gets the same messages in the same order, many of them as one.
    fn phone(&mut self, laptop: &Laptop, event: &Value) {
        if event["kind"] != "summary" {
            if self.told.get(self.phone) != Some(event) {
                self.fault(laptop, &format!("repeated or out of order: {event}"));
            }
            self.phone += 1;
            return;
        }
        self.counts.summaries += 1;
        let last = self.told.iter().position(|one| one["id"] == event["id"]);
        let covered = self.phone..last.map_or(self.phone, |last| last + 1);
        let text = event["message"].as_str().unwrap_or_default();
        for (number, one) in self.told[covered.clone()].iter().enumerate() {
            let title = one["title"].as_str().unwrap_or_default();
            let later = &self.told[covered.start + number + 1..covered.end];
            if is_bad(one) && !later.iter().any(|other| ends(other, one)) && !text.contains(title) {
                let summary = format!("the summary hides {title}: {text}");
                self.faults.push(summary);
            }
        }
        self.phone = covered.end;
    }
}

fn is_bad(event: &Value) -> bool {
    let kind = event["kind"].as_str().unwrap_or_default();
    ![
        "recovered",
        "cleaned-up",
        "maintenance-recovered",
        "clock-right",
    ]
    .contains(&kind)
}

/// Whether an event is the end of another one, or a later one of its kind.
fn ends(later: &Value, earlier: &Value) -> bool {
    let pair = |one: &Value| one["kind"].as_str().unwrap_or_default().to_owned();
    let (later_kind, kind) = (pair(later), pair(earlier));
    let good = match kind.as_str() {
        "cleanup-failed" => "cleaned-up",
        "clock-wrong" => "clock-right",
        kind if kind.starts_with("maintenance-") => "maintenance-recovered",
        _ => "recovered",
    };
    // Of several troubles with the same thing the last one is enough.
    let thing = |kind: &str| match kind {
        "failed" | "incomplete" => "backup".to_owned(),
        kind if kind.starts_with("maintenance-") => "maintenance".to_owned(),
        kind => kind.to_owned(),
    };
    let same = thing(&later_kind) == thing(&kind);
    later["instance"] == earlier["instance"] && (later_kind == good || same)
}
