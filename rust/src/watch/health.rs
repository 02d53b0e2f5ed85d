//! Health of all instances of a channel, for services that expect regular pings.

use super::channels::{Channel, Health};
use super::condition::Condition;

/// The health of all instances of a channel, with all problems of each.
pub(super) fn health(conditions: &[Condition], channel: &Channel<'_>) -> Health {
    let covered = || {
        let all = conditions.iter();
        all.filter(|one| channel.covers(&one.observed.instance))
    };
    let mut lines = Vec::new();
    for one in covered() {
        let name = &one.observed.instance;
        for finding in &one.problems {
            lines.push(finding.kind.title(name));
            lines.push(finding.problem.message.clone());
            lines.extend(finding.problem.remedy.clone());
        }
    }
    let healthy = lines.is_empty();
    if healthy {
        let names: Vec<&str> = covered()
            .map(|one| one.observed.instance.as_str())
            .collect();
        lines.push(format!("All backups are healthy: {}", names.join(", ")));
    }
    Health {
        healthy,
        body: lines.join("\n"),
    }
}
