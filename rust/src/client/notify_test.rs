//! `notify-test`: has the monitor's unit send a test message, and shows which addresses took it.

use crate::base::outcome::Failure;
use crate::base::paths::read_json;
use crate::base::printable::printable;
use crate::client::{Client, Reader};
use crate::watch::notify_test::TestReport;

impl Client<'_> {
    /// Sends a test message to all channels, or to those called `channel`, and waits for the
    /// result. Returns the exit status: 1 if an address did not take it.
    ///
    /// # Errors
    /// There is no such channel, or systemd did not start the test.
    pub fn notify_test(&mut self, channel: Option<&str>) -> Result<u8, Failure> {
        let name = channel.unwrap_or("all");
        let unit = format!("backupservice-notify-test@{name}.service");
        let file = self.host.monitor_runtime().join("test.json");
        let before: Option<TestReport> = read_json(&file)?;
        let result = self.units.start_and_wait(&unit, self.cancel)?;
        let report: Option<TestReport> = read_json(&file)?;
        let Some(report) = report.filter(|report| Some(report) != before.as_ref()) else {
            result.check("the test", &unit)?;
            return Err(Failure::new(
                format!("{unit} did not say what it has sent"),
                format!("see `journalctl -u {unit}`"),
            ));
        };
        // What is really the case, for those that got a failure.
        self.units
            .start_and_wait("backupservice-watch.service", self.cancel)?;
        if self.reader == Reader::Program {
            let json = serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?;
            writeln!(self.out, "{json}").map_err(anyhow::Error::from)?;
        } else {
            for one in &report.addresses {
                let what = one.error.as_ref().map_or_else(
                    || "sent".to_owned(),
                    |problem| format!("NOT SENT: {problem}"),
                );
                let what = printable(&what);
                writeln!(self.out, "{}: {what}", one.address).map_err(anyhow::Error::from)?;
            }
        }
        let failed = report.addresses.iter().any(|one| one.error.is_some());
        Ok(u8::from(failed))
    }
}
