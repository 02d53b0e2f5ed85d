//! Exclude patterns in the syntax of the contract (that of gitignore), independent of the
//! provider.
//!
//! Without `/`, matches a name at any depth of a source; with a leading `/`, an absolute path.
//! Everything below a match is excluded too.

mod parse;

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

impl std::fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.problem)
    }
}

impl std::error::Error for Mistake {}
