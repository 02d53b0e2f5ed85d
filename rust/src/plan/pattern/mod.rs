//! Exclude patterns in the syntax of the contract (that of gitignore), independent of the
//! provider.
//!
//! Without `/`, matches a name at any depth of a source; with a leading `/`, an absolute path.
//! Everything below a match is excluded too.

mod parse;

use std::path::{Component, Path};

/// An exclude pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Anchored at the root; otherwise it matches at any depth.
    pub absolute: bool,
    /// The parts between slashes. The last one is a [`Part::Name`].
    pub parts: Vec<Part>,
}

/// Part of a pattern between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `**`: any number of directories, including none.
    AnyDepth,
    /// One name.
    Name(Vec<Token>),
}

/// Element of a name in a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// This character.
    Literal(char),
    /// `?`: any character.
    AnyCharacter,
    /// `*`: any number of characters, including none.
    AnyCharacters,
    /// `[…]`: one of these characters.
    Class {
        /// Matches characters outside the ranges.
        negated: bool,
        /// Inclusive ranges; never empty.
        ranges: Vec<(char, char)>,
    },
}

/// Syntax error in a pattern. The problem continues a sentence that starts with the pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Problem.
    pub problem: &'static str,
    /// Remedy.
    pub remedy: &'static str,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The pattern is invalid, or not supported by all providers.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        parse::pattern(text)
    }

    /// Whether it fits `path` or a directory above it, so that nothing of `path` is left.
    /// Only an absolute pattern can: the others are meant for what is in a source.
    #[must_use]
    pub fn covers(&self, path: &Path) -> bool {
        let names: Option<Vec<&str>> = path
            .components()
            .filter(|component| *component != Component::RootDir)
            .map(|component| component.as_os_str().to_str())
            .collect();
        self.absolute && names.is_some_and(|names| covers(&self.parts, &names))
    }

    /// Whether it fits `path` itself, and not only a directory above it.
    #[must_use]
    pub fn finds(&self, path: &str) -> bool {
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let starts = if self.absolute { 1 } else { names.len() };
        (0..starts).any(|start| leads_to(&self.parts, names.get(start..).unwrap_or_default()))
    }

    /// Limits a relative pattern to `directory`. Otherwise it could match a parent of
    /// `directory`, and so exclude everything.
    #[must_use]
    pub fn within(&self, directory: &str) -> Self {
        if self.absolute {
            return self.clone();
        }
        let names = directory.split('/').filter(|name| !name.is_empty());
        let mut parts: Vec<Part> = names
            .map(|name| Part::Name(name.chars().map(Token::Literal).collect()))
            .collect();
        if self.parts.first() != Some(&Part::AnyDepth) {
            parts.push(Part::AnyDepth);
        }
        parts.extend_from_slice(&self.parts);
        Self {
            absolute: true,
            parts,
        }
    }
}

fn covers(parts: &[Part], names: &[&str]) -> bool {
    (0..=names.len()).any(|depth| leads_to(parts, &names[..depth]))
}

/// Whether the parts fit all of the names.
fn leads_to(parts: &[Part], names: &[&str]) -> bool {
    match parts.split_first() {
        None => names.is_empty(),
        Some((Part::AnyDepth, rest)) => {
            (0..=names.len()).any(|depth| leads_to(rest, &names[depth..]))
        }
        Some((Part::Name(tokens), rest)) => names.split_first().is_some_and(|(name, below)| {
            let name: Vec<char> = name.chars().collect();
            fits(tokens, &name) && leads_to(rest, below)
        }),
    }
}

fn fits(tokens: &[Token], name: &[char]) -> bool {
    let Some((token, rest)) = tokens.split_first() else {
        return name.is_empty();
    };
    if *token == Token::AnyCharacters {
        return (0..=name.len()).any(|count| fits(rest, &name[count..]));
    }
    let Some((character, after)) = name.split_first() else {
        return false;
    };
    let is_one = match token {
        Token::Literal(expected) => expected == character,
        Token::Class { negated, ranges } => {
            let mut ranges = ranges.iter();
            ranges.any(|(from, to)| (from..=to).contains(&character)) != *negated
        }
        Token::AnyCharacter | Token::AnyCharacters => true,
    };
    is_one && fits(rest, after)
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.problem)
    }
}

impl std::error::Error for Mistake {}
