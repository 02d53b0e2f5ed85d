//! The archive of which nobody knows whether it is complete.
//!
//! borg saves an archive under its name before it tells what could not be read, so a
//! crash in between would leave one that claims to be complete. The name is therefore
//! written down, durably, before borg starts, and struck out once the answer is known.
//! That costs no further call of borg, unlike giving each archive its name at the end.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::paths::{remove_if_there, sync_parent, write_atomically};

/// The note of an archive in doubt.
#[derive(Debug)]
pub struct Doubt {
    file: PathBuf,
}

impl Doubt {
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// The archive in doubt.
    pub fn archive(&self) -> Result<Option<String>> {
        match fs::read_to_string(&self.file) {
            Ok(name) => Ok(Some(name.trim_end().to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| self.cannot("read")),
        }
    }

    /// From now on the archive is in doubt.
    pub fn raise(&self, archive: &str) -> Result<()> {
        write_atomically(&self.file, format!("{archive}\n").as_bytes())
            .with_context(|| self.cannot("write"))
    }

    /// Nothing is in doubt any more.
    pub fn settle(&self) -> Result<()> {
        remove_if_there(&self.file)
            .and_then(|()| sync_parent(&self.file))
            .with_context(|| self.cannot("remove"))
    }

    fn cannot(&self, what: &str) -> String {
        format!("cannot {what} {}", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_remembered_until_it_is_settled() {
        let directory = tempfile::tempdir().unwrap();
        let doubt = Doubt::new(directory.path().join("in-doubt"));
        assert_eq!(doubt.archive().unwrap(), None);
        doubt.settle().unwrap();
        doubt.raise("a-1").unwrap();
        assert_eq!(doubt.archive().unwrap().as_deref(), Some("a-1"));
        doubt.settle().unwrap();
        assert_eq!(doubt.archive().unwrap(), None);
    }
}
