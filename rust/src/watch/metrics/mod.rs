//! Metrics for Prometheus, in a file for the textfile collector of `node_exporter`.
//!
//! The label `backup` is the instance, since Prometheus uses `instance` for the machine.
//! Label values are bounded: configured instances and channels, and the providers, outcomes
//! and phases that this program knows.

mod families;

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;

use super::condition::Condition;
use super::store::Store;
use crate::base::paths::write_atomically;

/// Writes the metrics file. Returns false and logs an error if that fails.
pub(super) fn write(file: &Path, instances: &[Condition], store: &Store, now: Timestamp) -> bool {
    let text = text(instances, store, now);
    let result = write_atomically(file, text.as_bytes());
    if let Err(error) = &result {
        log::error!(
            "cannot write metrics to {}: {error}. Make backupservice-notify the owner of the \
             directory.",
            file.display()
        );
    }
    result.is_ok()
}

/// Text of the metrics file in the making.
struct Page<'a> {
    text: String,
    instances: &'a [Condition],
}

impl Page<'_> {
    /// Adds a metric family with the samples of each instance.
    fn family(&mut self, name: &str, help: &str, each: &dyn Fn(&mut Family<'_>, &Condition)) {
        let instances = self.instances;
        self.machine_family(name, help, &|family| {
            for one in instances {
                each(family, one);
            }
        });
    }

    /// Adds a metric family of the machine.
    fn machine_family(&mut self, name: &str, help: &str, all: &dyn Fn(&mut Family<'_>)) {
        let text = &mut self.text;
        let _ = writeln!(text, "# HELP backupservice_{name} {help}");
        let _ = writeln!(text, "# TYPE backupservice_{name} gauge");
        all(&mut Family { text, name });
    }
}

/// Metric family in the making.
struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
}

impl Family<'_> {
    #[allow(clippy::cast_precision_loss)]
    fn count(&mut self, labels: &[(&str, &str)], value: u64) {
        self.value(labels, value as f64);
    }

    fn flag(&mut self, labels: &[(&str, &str)], value: bool) {
        self.value(labels, f64::from(u8::from(value)));
    }

    #[allow(clippy::cast_precision_loss)]
    fn time(&mut self, labels: &[(&str, &str)], time: Timestamp) {
        self.value(labels, time.as_second() as f64);
    }

    fn value(&mut self, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.text, "backupservice_{}{labels} {value}", self.name);
    }
}

fn text(instances: &[Condition], store: &Store, now: Timestamp) -> String {
    let text = String::new();
    let mut page = Page { text, instances };
    families::runs(&mut page);
    families::snapshots(&mut page);
    families::schedule(&mut page);
    families::maintenance(&mut page);
    families::health(&mut page);
    page.machine_family(
        "channel_failing",
        "1 if the last notification to an address of this channel could not be sent.",
        &|family| {
            for (channel, addresses) in &store.cursor.channels {
                let failing = addresses.iter().any(|address| address.failing.is_some());
                family.flag(&[("channel", channel)], failing);
            }
        },
    );
    page.machine_family(
        "watch_timestamp_seconds",
        "Time of the last scan of all instances.",
        &|family| family.time(&[], now),
    );
    page.text + "# EOF\n"
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
