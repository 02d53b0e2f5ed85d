//! A year on a laptop that sleeps, boots, loses its clock and its network at random: no
//! missed failure and no false alarm.

mod jobs;
mod laptop;
mod oracle;
mod random;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::watch::config::{self, Config, NotifyHook};
use crate::watch::run;
use jobs::{DAY, HOUR, MINUTE};
use laptop::Laptop;
use oracle::{GRACE, Oracle};
use random::Random;

/// Minutes awake from boot, and from a scan, to the next scan.
const AFTER_BOOT: i64 = 5;
const AFTER_SCAN: i64 = 15;

/// What has happened to the laptop in a year.
#[derive(Debug, Default)]
struct Weather {
    sleeps: u32,
    boots: u32,
    power_losses: u32,
    clocks: u32,
    outages: u32,
    dead_timers: u32,
    scans: u32,
}

struct Life {
    laptop: Laptop,
    oracle: Oracle,
    random: Random,
    config: Config,
    weather: Weather,
    scan_in: i64,
    since_scan: i64,
    /// Where there is no network for weeks.
    travels: bool,
    /// When each timer that is dead works again.
    timers: BTreeMap<usize, i64>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let laptop = Laptop::new();
        let hook = |name: &str| {
            let input = laptop.root.path().join(format!("{name}.json"));
            fs::write(&input, "").unwrap();
            let hook = NotifyHook {
                unit: format!("backupservice-notify-{name}.service"),
                input,
                instances: None,
            };
            (name.to_owned(), hook)
        };
        let config = Config {
            version: config::VERSION,
            grace: Duration::from_secs(GRACE.unsigned_abs()),
            systemd_analyze: PathBuf::new(),
            apprise: None,
            ping: None,
            hooks: [hook("local"), hook("phone")].into(),
            textfile: None,
        };
        Self {
            oracle: Oracle::new(&laptop),
            laptop,
            random: Random(seed),
            config,
            weather: Weather::default(),
            scan_in: AFTER_BOOT,
            since_scan: 0,
            travels: false,
            timers: BTreeMap::new(),
        }
    }

    /// Lives for a year.
    fn live(&mut self) {
        let end = self.laptop.time() + 365 * DAY;
        while self.laptop.time() < end {
            let long = self.random.one_in(6);
            let minutes = self.random.between(3, if long { 400 } else { 60 });
            for _ in 0..minutes {
                self.minute();
            }
            let days = self.random.one_in(20);
            let gap = self
                .random
                .between(MINUTE, if days { 14 * DAY } else { 30 * HOUR });
            if self.random.one_in(3) {
                self.boot_after(gap);
            } else {
                self.laptop.sleep(gap);
                self.weather.sleeps += 1;
            }
            // Wherever it wakes up.
            let is_up = !self.random.one_in(4);
            self.travels = (100..140).contains(&(365 - (end - self.laptop.time()) / DAY));
            self.laptop.set_network(is_up && !self.travels);
        }
    }

    fn minute(&mut self) {
        self.meddle();
        let ended = self.laptop.minute(&mut self.random);
        self.oracle.minute(&self.laptop);
        for one in &ended {
            self.oracle.ended(&self.laptop, one);
        }
        self.scan_in -= 1;
        self.since_scan += MINUTE;
        // Each run starts the monitor when it ends.
        if !ended.is_empty() || self.scan_in <= 0 {
            self.scan();
        }
    }

    fn scan(&mut self) {
        run(
            &self.laptop.host(),
            &self.config,
            &self.laptop,
            &self.laptop,
        );
        self.oracle.scanned(&self.laptop);
        self.weather.scans += 1;
        (self.scan_in, self.since_scan) = (AFTER_SCAN, 0);
    }

    fn boot_after(&mut self, gap: i64) {
        let loses_power = self.random.one_in(5);
        let shown = self.laptop.shown();
        self.oracle.off(self.since_scan);
        for one in self.laptop.boot_after(gap, loses_power) {
            self.oracle.ended(&self.laptop, &one);
        }
        self.weather.boots += 1;
        self.weather.power_losses += u32::from(loses_power);
        (self.scan_in, self.since_scan) = (AFTER_BOOT, 0);
        match self.random.between(0, 9) {
            // An empty battery: the clock begins in the year 2000.
            0 => self.lose_clock(946_684_800),
            // No clock of its own: it goes on where it was.
            1 => self.lose_clock(shown),
            _ => {}
        }
    }

    fn lose_clock(&mut self, shown: i64) {
        self.laptop.set_clock(shown - self.laptop.time());
        self.weather.clocks += 1;
    }

    /// What happens to the laptop by itself.
    fn meddle(&mut self) {
        let time = self.laptop.time();
        if self.random.one_in(240) && !self.travels {
            self.weather.outages += u32::from(self.laptop.has_network());
            self.laptop.set_network(!self.laptop.has_network());
        }
        if self.laptop.wrong_by() != 0 {
            if self.laptop.has_network() && self.random.one_in(90) {
                self.laptop.set_clock(0);
            }
        } else if self.random.one_in(24 * 60) {
            let by = match self.random.between(0, 3) {
                0 => self.random.between(-12 * HOUR, -10 * MINUTE),
                1 => self.random.between(MINUTE, 20 * HOUR),
                2 => self.random.between(DAY, 40 * DAY),
                _ => self.random.between(365 * DAY, 3000 * DAY),
            };
            self.lose_clock(self.laptop.time() + by);
        }
        if self.random.one_in(2 * 24 * 60) {
            let number = usize::try_from(self.random.between(0, 2)).unwrap();
            let until = time + self.random.between(HOUR, 20 * DAY);
            if self.timers.insert(number, until).is_none() {
                self.laptop.set_timer(number, false);
                self.weather.dead_timers += 1;
            }
        }
        let laptop = &self.laptop;
        self.timers.retain(|number, until| {
            let is_dead = *until > time;
            if !is_dead {
                laptop.set_timer(*number, true);
            }
            is_dead
        });
    }
}

#[test]
fn in_a_year_on_a_laptop_no_failure_is_missed_and_no_alarm_is_false() {
    thread::scope(|scope| {
        for seed in 1..=2 {
            scope.spawn(move || {
                let mut life = Life::new(seed);
                life.live();
                let Life {
                    oracle, weather, ..
                } = life;
                let counts = &oracle.counts;
                println!("seed {seed}: {weather:?}, told: {counts:?}");
                let faults = &oracle.faults;
                assert!(
                    faults.is_empty(),
                    "seed {seed}: {} faults: {faults:#?}",
                    faults.len()
                );
                // Each kind of trouble has been met.
                assert!(counts.failures > 30 && counts.overdue > 5, "{counts:?}");
                assert!(counts.clocks > 5 && counts.summaries > 0, "{counts:?}");
            });
        }
    });
}
