//! Table of snapshots.

use jiff::tz::TimeZone;

use crate::base::measure::size;
use crate::provider::Snapshot;

/// With times of `zone`.
pub(super) fn table(snapshots: &[Snapshot], zone: &TimeZone) -> String {
    let mut lines = vec![format!(
        "{:16}  {:19}  {:>9}  {:>14}  STATE",
        "ID", "TIME", "FILES", "SIZE"
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
        let time = snapshot.time.to_zoned(zone.clone());
        let time = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
        lines.push(format!(
            "{id:16}  {time:19}  {files:>9}  {bytes:>14}  {state}"
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::base::measure::Totals;

    #[test]
    fn times_are_those_of_this_machine() {
        let snapshot = Snapshot {
            original: None,
            id: "0123456789abcdef0123".to_owned(),
            time: "2026-11-01T23:30:00Z".parse().unwrap(),
            complete: true,
            paths: Vec::new(),
            totals: Some(Totals {
                files: 5,
                bytes: 697,
                bytes_added: 0,
            }),
        };
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        expect![[r#"
            ID                TIME                     FILES            SIZE  STATE
            0123456789abcdef  2026-11-02 00:30:00          5           697 B  complete"#]]
        .assert_eq(&table(&[snapshot], &zone));
    }
}
