//! Checks of a repository's path or URL.

use std::path::Path;

use super::Repository;

impl Repository {
    /// Directory of a local repository; none if it is remote or in a credential.
    #[must_use]
    pub fn local_path(&self) -> Option<&Path> {
        self.path
            .as_deref()
            .filter(|path| path.starts_with('/'))
            .map(Path::new)
    }
}

/// Whether a URL contains a password: `rest:https://user:pass@host/`,
/// `sftp:user:pass@host:/srv`.
pub(super) fn has_password(url: &str) -> bool {
    let user_info = match url.split_once("//") {
        Some((_, rest)) => authority(rest).rsplit_once('@'),
        // ssh's host:path, whose path may contain another `@`.
        None => url
            .strip_prefix("sftp:")
            .and_then(|rest| authority(rest).split_once('@')),
    };
    user_info.is_some_and(|(user, _)| user.contains(':'))
}

/// Whether the location has a scheme, as in `sftp:…` or `s3:…`.
pub(super) fn has_scheme(path: &str) -> bool {
    let scheme = authority(path)
        .split_once(':')
        .map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric())
}

/// Rejects locations that borg misinterprets: it takes `sftp:…` for a host named `sftp`, and
/// expects the name of an archive after `::`.
///
/// # Errors
/// Problem and remedy.
pub(crate) fn borg_location(path: &str) -> Result<(), (&'static str, &'static str)> {
    let host = match path.strip_prefix("ssh://") {
        Some(rest) => authority(rest).len() + "ssh://".len(),
        None if path.starts_with('/') => 0,
        None => {
            return Err((
                "is not a location that borg supports",
                "Give an absolute path, or a URL such as ssh://backup@host/srv/backup",
            ));
        }
    };
    if path[host..].contains("::") {
        return Err((
            "contains `::`, where borg expects the name of an archive",
            "Choose another path",
        ));
    }
    Ok(())
}

fn authority(rest: &str) -> &str {
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_found() {
        for url in [
            "rest:https://user:pass@host:8000/repo",
            "rest:http://:pass@host/",
            "rest:https://a@b:pass@host/",
            "sftp:user:pass@host:/srv/repo",
            "sftp://user:pass@host:22//srv/repo",
            "ssh://user:pass@host/./repo",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "rest:https://host:8000/repo",
            "rest:https://user@host:8000/repo",
            "rest:https://host:8000/a:b@c/",
            "sftp:user@host:/srv/a:b@c",
            "sftp:user@host:relative@b",
            "sftp://user@[::1]:2222//srv/repo",
            "s3:https://s3.example.org/bucket",
            "b2:bucket:path@here",
            "/srv/backup/a:b@c",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn borg_is_given_only_what_it_understands() {
        for path in ["/srv/a:b", "ssh://u@h:22/./x", "ssh://[fe80::1]:22/x"] {
            assert_eq!(borg_location(path), Ok(()), "{path}");
        }
        for path in ["sftp:u@h:/x", "u@h:x", "/a::b", "ssh://[::1]/a::b", "x", ""] {
            assert!(borg_location(path).is_err(), "{path}");
        }
    }

    #[test]
    fn schemes_are_distinguished_from_relative_paths() {
        for url in ["b2:bucket", "sftp:a@b:/c", "rest:https://host/"] {
            assert!(has_scheme(url), "{url}");
        }
        for path in ["backup/x", "", ":x", "./a:b", "backup"] {
            assert!(!has_scheme(path), "{path}");
        }
    }
}
