//! Location of a repository, as a short name for files about it.

use std::path::Path;

use anyhow::Result;

use super::credentials;
use crate::plan::Plan;

/// Name for the plan's repository, the same for every instance of this machine that uses it:
/// 16 hexadecimal digits.
///
/// # Errors
/// The credential that holds the location cannot be read.
pub fn key(plan: &Plan, directory: &Path) -> Result<String> {
    let place = match &plan.repository.path {
        Some(path) => path.clone(),
        None => credentials::repository(directory)?,
    };
    Ok(format!("{:016x}", digest(&without_user(&place))))
}

/// Instances may log in as different users.
fn without_user(place: &str) -> String {
    let place = place.trim().trim_end_matches('/');
    let Some((scheme, rest)) = place.split_once("//") else {
        return place.to_owned();
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}//{host}/{path}")
}

/// FNV-1a: the same in every version of this program, which may run side by side.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_fnv() {
        assert_eq!(digest(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn users_do_not_matter() {
        for (place, same) in [
            ("rest:https://a:b@host:8000/x/", "rest:https://host:8000/x"),
            ("/srv/a@b/", "/srv/a@b"),
        ] {
            assert_eq!(without_user(place), same);
        }
    }
}
