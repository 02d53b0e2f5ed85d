//! Exclude patterns in the contract's syntax (gitignore's), before any provider's.
//!
//! Without `/`, a name at any depth of a source; with a leading `/`, an absolute path. What is
//! below something that matches is excluded with it.

mod parse;

/// An exclude pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// It begins at the root; otherwise it fits at any depth.
    pub absolute: bool,
    /// What it says about the names between slashes. The last one is a [`Part::Name`].
    pub parts: Vec<Part>,
}

/// What a pattern says between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `**`: any number of directories, also none.
    AnyDepth,
    /// One name.
    Name(Vec<Token>),
}

/// What a pattern says about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// This character.
    Literal(char),
    /// `?`: any character.
    AnyCharacter,
    /// `*`: any number of characters, also none.
    AnyCharacters,
    /// `[…]`: one of these characters.
    Class {
        /// One that is none of these.
        negated: bool,
        /// From the first to the last of each, both included; never empty.
        ranges: Vec<(char, char)>,
    },
}

/// Why a text is not a pattern, as the end of a sentence that begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub problem: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It has no meaning, or not one that all providers share.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        parse::pattern(text)
    }

    /// The pattern for what is in `directory`, unless it is an absolute one. Otherwise
    /// it could fit a directory that `directory` lies in, and so leave out everything.
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
