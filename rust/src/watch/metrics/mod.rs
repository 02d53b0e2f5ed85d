//! Metrics for Prometheus, as a file that `node_exporter` reads.
//!
//! Instances are in the label `backup`: `instance` is what Prometheus calls the machine.
//! Labels are bounded: instances, providers, outcomes, phases and channels, of which there
//! are as many as are configured or known to this program.

mod families;

use std::fmt::Write;
use std::path::Path;

use jiff::Timestamp;

use super::scan::ScannedInstance;
use super::store::Store;
use crate::base::paths::write_atomically;

/// Writes the file; false if it cannot be.
pub(super) fn write(
    file: &Path,
    instances: &[ScannedInstance],
    store: &Store,
    now: Timestamp,
) -> bool {
    let text = text(instances, store, now);
    let result = write_atomically(file, text.as_bytes());
    if let Err(error) = &result {
        log::error!(
            "cannot write the metrics to {}: {error}; the directory has to belong to \
             backupservice-notify",
            file.display()
        );
    }
    result.is_ok()
}

/// The file under way.
struct Page<'a> {
    text: String,
    instances: &'a [ScannedInstance],
}

impl Page<'_> {
    /// A family with what `each` instance has of it.
    fn family(&mut self, name: &str, help: &str, each: &dyn Fn(&mut Family<'_>, &ScannedInstance)) {
        let instances = self.instances;
        self.own(name, help, &|family| {
            for one in instances {
                each(family, one);
            }
        });
    }

    /// A family of the machine.
    fn own(&mut self, name: &str, help: &str, all: &dyn Fn(&mut Family<'_>)) {
        let text = &mut self.text;
        let _ = writeln!(text, "# HELP backupservice_{name} {help}");
        let _ = writeln!(text, "# TYPE backupservice_{name} gauge");
        all(&mut Family { text, name });
    }
}

/// A family of metrics under way.
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

fn text(instances: &[ScannedInstance], store: &Store, now: Timestamp) -> String {
    let text = String::new();
    let mut page = Page { text, instances };
    families::runs(&mut page);
    families::snapshots(&mut page);
    families::schedule(&mut page);
    families::maintenance(&mut page);
    page.own(
        "channel_failing",
        "Whether somebody could not be told.",
        &|family| {
            for (channel, told) in &store.cursor.channels {
                family.flag(&[("channel", channel)], told.failing.is_some());
            }
        },
    );
    page.own(
        "watch_timestamp_seconds",
        "When the watch looked last.",
        &|family| family.time(&[], now),
    );
    page.text + "# EOF\n"
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
