//! Paths in the Nix store.
//!
//! This module has the rules and the names of Tvix's `nix-compat`, which is what
//! should be used here. On crates.io `nix-compat` is only a placeholder (0.0.0-pre), and
//! `harmonia-store-core`, which is published, brings 73 crates (tokio and ring
//! among them) for this one type. Once `nix-compat` is published it can take this module's place.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Directory of the Nix store.
pub const STORE_DIR: &str = "/nix/store";

/// Characters of a digest: 20 bytes in Nix's base32.
const DIGEST_LENGTH: usize = 32;
/// Nix's base32 has no e, o, t, u.
const DIGEST_ALPHABET: &[u8] = b"0123456789abcdfghijklmnpqrsvwxyz";
const MAX_NAME_LENGTH: usize = 211;

/// A digest and a name, such as `00bgd045z0d4icpbc2yyz4gx48ak44la-net-tools-1.60`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorePath {
    digest: String,
    name: String,
}

/// Why something is not a store path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorePathError {
    /// It does not begin with `/nix/store/`.
    MissingStoreDir,
    /// No `-` after the digest.
    MissingDash,
    /// The digest is not in Nix's base32.
    InvalidHashEncoding,
    /// Too short for a digest and a name, or a name of more than 211 characters.
    InvalidLength,
    /// A character that names cannot have, or a leading dot.
    InvalidName,
}

impl StorePath {
    /// Reads `<digest>-<name>`.
    ///
    /// # Errors
    /// It breaks one of the rules of [`StorePathError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StorePathError> {
        let (Some(digest), Some(rest)) = (bytes.get(..DIGEST_LENGTH), bytes.get(DIGEST_LENGTH..))
        else {
            return Err(StorePathError::InvalidLength);
        };
        if !digest.iter().all(|byte| DIGEST_ALPHABET.contains(byte)) {
            return Err(StorePathError::InvalidHashEncoding);
        }
        let name = match rest {
            [] => return Err(StorePathError::InvalidLength),
            [b'-', name @ ..] => name,
            _ => return Err(StorePathError::MissingDash),
        };
        Ok(Self {
            digest: text(digest)?,
            name: validate_name(name)?,
        })
    }

    /// Reads `/nix/store/<digest>-<name>`, with nothing below it.
    ///
    /// # Errors
    /// It breaks one of the rules of [`StorePathError`].
    pub fn from_absolute_path(path: &[u8]) -> Result<Self, StorePathError> {
        path.strip_prefix(STORE_DIR.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"/"))
            .ok_or(StorePathError::MissingStoreDir)
            .and_then(Self::from_bytes)
    }

    /// Reads `/nix/store/<digest>-<name>/<anything>`, and returns the rest too.
    ///
    /// # Errors
    /// It breaks one of the rules of [`StorePathError`].
    pub fn from_absolute_path_full<P>(path: &P) -> Result<(Self, PathBuf), StorePathError>
    where
        P: AsRef<Path> + ?Sized,
    {
        let below = path
            .as_ref()
            .strip_prefix(STORE_DIR)
            .map_err(|_| StorePathError::MissingStoreDir)?;
        let mut components = below.components();
        match components.next() {
            Some(Component::Normal(first)) => {
                let store_path = Self::from_bytes(first.as_bytes())?;
                Ok((store_path, components.as_path().to_owned()))
            }
            Some(_) => Err(StorePathError::InvalidName),
            None => Err(StorePathError::InvalidLength),
        }
    }

    /// The digest, in Nix's base32.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The name after the digest.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path with `/nix/store/` before it.
    #[must_use]
    pub fn to_absolute_path(&self) -> String {
        format!("{STORE_DIR}/{self}")
    }
}

impl fmt::Display for StorePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.digest, self.name)
    }
}

impl fmt::Display for StorePathError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MissingStoreDir => "does not begin with /nix/store/",
            Self::MissingDash => "has no dash after the digest",
            Self::InvalidHashEncoding => "has a digest that is not in Nix's base32",
            Self::InvalidLength => "is too short for a store path, or its name is too long",
            Self::InvalidName => "has a name that the Nix store does not allow",
        })
    }
}

impl std::error::Error for StorePathError {}

fn validate_name(name: &[u8]) -> Result<String, StorePathError> {
    if name.is_empty() || name.len() > MAX_NAME_LENGTH {
        return Err(StorePathError::InvalidLength);
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-._?=".contains(byte);
    if name.starts_with(b".") || !name.iter().all(allowed) {
        return Err(StorePathError::InvalidName);
    }
    text(name)
}

fn text(ascii: &[u8]) -> Result<String, StorePathError> {
    String::from_utf8(ascii.to_vec()).map_err(|_| StorePathError::InvalidName)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "00bgd045z0d4icpbc2yyz4gx48ak44la";

    fn full(path: &str) -> Result<(StorePath, PathBuf), StorePathError> {
        StorePath::from_absolute_path_full(path)
    }

    #[test]
    fn sub_path_is_returned_only_by_full() {
        let path = format!("/nix/store/{DIGEST}-restic-0.18.0/bin/restic");
        let (store_path, below) = full(&path).unwrap();
        assert_eq!(store_path.name(), "restic-0.18.0");
        assert_eq!(store_path.digest(), DIGEST);
        assert_eq!(below, Path::new("bin/restic"));
        assert_eq!(
            StorePath::from_absolute_path(path.as_bytes()),
            Err(StorePathError::InvalidName)
        );
    }

    #[test]
    fn every_rule_is_kept() {
        let long = "x".repeat(MAX_NAME_LENGTH + 1);
        for (path, error) in [
            (
                "/usr/bin/restic".to_owned(),
                StorePathError::MissingStoreDir,
            ),
            (
                format!("/nix/storehouse/{DIGEST}-a"),
                StorePathError::MissingStoreDir,
            ),
            (
                format!("nix/store/{DIGEST}-a"),
                StorePathError::MissingStoreDir,
            ),
            ("/nix/store".to_owned(), StorePathError::InvalidLength),
            ("/nix/store/..".to_owned(), StorePathError::InvalidName),
            (
                format!("/nix/store/../{DIGEST}-a"),
                StorePathError::InvalidName,
            ),
            (
                format!("/nix/store/{DIGEST}"),
                StorePathError::InvalidLength,
            ),
            (
                format!("/nix/store/{DIGEST}-"),
                StorePathError::InvalidLength,
            ),
            (
                format!("/nix/store/{DIGEST}-{long}"),
                StorePathError::InvalidLength,
            ),
            (
                format!("/nix/store/{DIGEST}_a"),
                StorePathError::MissingDash,
            ),
            (
                format!("/nix/store/e{}-a", &DIGEST[1..]),
                StorePathError::InvalidHashEncoding,
            ),
            (
                format!("/nix/store/{}-a", DIGEST.to_uppercase()),
                StorePathError::InvalidHashEncoding,
            ),
            (
                format!("/nix/store/{DIGEST}-.a"),
                StorePathError::InvalidName,
            ),
            (
                format!("/nix/store/{DIGEST}-a b"),
                StorePathError::InvalidName,
            ),
            (
                format!("/nix/store/{DIGEST}-ä"),
                StorePathError::InvalidName,
            ),
        ] {
            assert_eq!(full(&path), Err(error), "{path}");
        }
    }

    proptest! {
        #[test]
        fn every_valid_path_is_read_back(
            digest in "[0-9abcdfghijklmnpqrsvwxyz]{32}",
            name in "[a-zA-Z0-9+_?=-][a-zA-Z0-9+._?=-]{0,210}",
            below in "([a-z]{1,5}/){0,3}[a-z]{0,5}",
        ) {
            let absolute = format!("/nix/store/{digest}-{name}");
            let store_path = StorePath::from_absolute_path(absolute.as_bytes()).unwrap();
            prop_assert_eq!(store_path.to_absolute_path(), absolute.clone());
            let (again, rest) = full(&format!("{absolute}/{below}")).unwrap();
            prop_assert_eq!(again, store_path);
            prop_assert_eq!(rest, PathBuf::from(below));
        }

        #[test]
        fn whatever_is_accepted_is_written_the_same(bytes in prop::collection::vec(any::<u8>(), 0..260)) {
            if let Ok(path) = StorePath::from_bytes(&bytes) {
                prop_assert_eq!(path.to_string().into_bytes(), bytes);
            }
        }

        #[test]
        fn one_foreign_character_is_refused(
            name in "[a-z]{1,20}",
            at in 0_usize..20,
            foreign in "[^a-zA-Z0-9+._?=/-]",
        ) {
            let at = at.min(name.len());
            let name = format!("{}{foreign}{}", &name[..at], &name[at..]);
            prop_assert_eq!(
                full(&format!("/nix/store/{DIGEST}-{name}")),
                Err(StorePathError::InvalidName)
            );
        }
    }
}
