//! Names of archives: `OWNER-TIME` and `OWNER-TIME.incomplete`, with `INSTANCE@HOST` as owner.
//!
//! A repository may be shared, and `a@b` is an owner as well as `a@b-c`: the owner is
//! decided by the whole form of a name, never by its beginning.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const TIME: &str = "%Y-%m-%dT%H:%M:%S.%6fZ";
/// The form of [`TIME`], as a pattern for `--glob-archives`.
const TIME_PATTERN: &str = "dddd-dd-ddTdd:dd:dd.ddddddZ";
const INCOMPLETE: &str = ".incomplete";
const CHECKPOINT: &str = ".checkpoint";

/// Parsed name of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub time: Timestamp,
    pub complete: bool,
}

/// The name of an archive that is begun at `time`.
pub fn name(owner: &str, time: Timestamp) -> String {
    format!("{owner}-{}", formatted(time))
}

/// The name that marks an archive as incomplete.
pub fn incomplete(name: &str) -> String {
    let name = name.strip_suffix(INCOMPLETE).unwrap_or(name);
    format!("{name}{INCOMPLETE}")
}

/// Parses the name of an archive; `None` if the archive is not the owner's.
pub fn meaning(owner: &str, name: &str) -> Option<Meaning> {
    let rest = name.strip_prefix(owner)?.strip_prefix('-')?;
    let (time, complete) = match rest.strip_suffix(INCOMPLETE) {
        Some(time) => (time, false),
        None => (rest, true),
    };
    let parsed: Timestamp = time.parse().ok()?;
    (formatted(parsed) == time).then_some(Meaning {
        time: parsed,
        complete,
    })
}

/// A pattern that finds all archives of the owner, and few others: it is for sparing
/// borg work, and does not replace [`meaning`].
pub fn glob(owner: &str) -> String {
    // An owner has no character that is special in a pattern.
    format!("{owner}-{}*", TIME_PATTERN.replace('d', "[0-9]"))
}

/// Whether it is what an interrupted run of the owner has left.
pub fn is_checkpoint(owner: &str, name: &str) -> bool {
    let numbered = name
        .rsplit_once('.')
        .filter(|(_, number)| number.parse::<u32>().is_ok())
        .map_or(name, |(rest, _)| rest);
    numbered
        .strip_suffix(CHECKPOINT)
        .is_some_and(|archive| meaning(owner, archive).is_some())
}

fn formatted(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime(TIME).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back() {
        let time: Timestamp = "2026-11-21T03:04:05.000006789Z".parse().unwrap();
        let name = name("my-app", time);
        assert_eq!(name, "my-app-2026-11-21T03:04:05.000006Z");
        let found = meaning("my-app", &name).unwrap();
        assert_eq!(formatted(found.time), formatted(time));
        assert!(found.complete);
        let marked = incomplete(&name);
        assert!(!meaning("my-app", &marked).unwrap().complete);
        assert_eq!(incomplete(&marked), marked);
        assert_eq!(
            glob("a"),
            "a-[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].\
             [0-9][0-9][0-9][0-9][0-9][0-9]Z*"
        );
    }

    #[test]
    fn checkpoints_have_the_name_of_their_archive() {
        let time = "2026-11-21T03:04:05.000006Z";
        for own in ["", ".1", ".23"] {
            assert!(is_checkpoint("a", &format!("a-{time}.checkpoint{own}")));
        }
        for other in [
            format!("a-b-{time}.checkpoint"),
            format!("a-{time}"),
            format!("a-{time}.incomplete"),
            format!("a-{time}.checkpoint.x"),
            "a-x.checkpoint".to_owned(),
        ] {
            assert!(!is_checkpoint("a", &other), "{other}");
        }
    }

    #[test]
    fn names_of_others_are_not_taken_for_ours() {
        let time = "2026-11-21T03:04:05.000006Z";
        for other in [
            format!("a-b-{time}"),
            format!("ab-{time}"),
            format!("a{time}"),
            format!("A-{time}"),
            format!("a-{time}-{time}"),
            format!("a-{time}.checkpoint"),
            format!("a-{time}.checkpoint.1"),
            format!("a-{time}.incomplete.checkpoint"),
            format!("a-{time}.incomplete.incomplete"),
            "a-2026-11-21T03:04:05Z".to_owned(),
            "a-2026-11-21T03:04:05.000006+00:00".to_owned(),
            "a-2026-13-21T03:04:05.000006Z".to_owned(),
            "a-my own".to_owned(),
        ] {
            assert_eq!(meaning("a", &other), None, "{other}");
        }
        let strange = format!("a-{time}-{time}");
        assert!(meaning(&format!("a-{time}"), &strange).is_some());
    }
}
