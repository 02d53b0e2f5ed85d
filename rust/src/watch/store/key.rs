//! Secret key with which addresses are hashed: everybody may read the marks, and must not be
//! able to try out which address they belong to.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use crate::base::paths::{Readers, write_for};

/// Number of characters.
const LENGTH: usize = 32;

/// Reads the key from one of two directories, and writes it where it is missing; makes one if
/// there is none. One that cannot be kept is made anew each time, and messages may be repeated.
pub(super) fn load(places: &[PathBuf; 2]) -> String {
    let files = places.each_ref().map(|place| place.join("address-key"));
    let kept = files.each_ref().map(|file| {
        let key = fs::read_to_string(file).ok();
        key.filter(|key| key.len() == LENGTH)
    });
    let key = kept.iter().flatten().next().cloned().unwrap_or_else(random);
    for (file, kept) in files.iter().zip(&kept) {
        if kept.as_ref() != Some(&key)
            && let Err(error) = write_for(Readers::Owner, file, key.as_bytes())
        {
            log::error!("cannot write {}: {error}", file.display());
        }
    }
    key
}

fn random() -> String {
    // Keyed by the kernel's random numbers.
    let random = RandomState::new();
    format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1))
}
