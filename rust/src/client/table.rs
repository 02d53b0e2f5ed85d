//! Table of snapshots.

use jiff::Timestamp;

use crate::base::measure::size;
use crate::provider::Snapshot;

pub(super) fn table(snapshots: &[Snapshot]) -> String {
    let mut lines = vec![format!(
        "{:16}  {:20}  {:>9}  {:>14}  STATE",
        "ID", "TIME (UTC)", "FILES", "SIZE"
    )];
    for snapshot in snapshots {
        let (files, bytes) = snapshot
            .totals
            .map_or((String::new(), String::new()), |totals| {
                (totals.files.to_string(), size(totals.bytes))
            });
        let id: String = snapshot.id.chars().take(16).collect();
        let state = if snapshot.complete {
            "complete"
        } else {
            "incomplete"
        };
        let time = seconds(snapshot.time);
        lines.push(format!(
            "{id:16}  {time:20}  {files:>9}  {bytes:>14}  {state}"
        ));
    }
    lines.join("\n")
}

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
