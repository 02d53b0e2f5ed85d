//! Passes the provider's progress and output on to the report: neither knows the other.

use crate::base::cancel::Cancel;
use crate::base::measure::Progress;
use crate::provider::{Job, Observer};
use crate::report::Report;

/// Runs `work` with a job whose progress and output are reported.
pub fn observed<T>(
    report: &mut Report,
    cancel: &Cancel,
    work: impl FnOnce(&mut Job<'_>) -> T,
) -> T {
    work(&mut Job {
        cancel,
        observer: &mut ReportObserver(report),
    })
}

struct ReportObserver<'a>(&'a mut Report);

impl Observer for ReportObserver<'_> {
    fn progress(&mut self, progress: &Progress) {
        self.0.progress(progress);
    }

    fn note(&mut self, text: &str) {
        self.0.note(text);
    }
}
