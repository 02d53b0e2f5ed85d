//! Exclude patterns as regular expressions of Python, which borg searches for in paths
//! without their leading slash.

use std::fmt::Write;

use crate::plan::pattern::{Part, Pattern, Token};

/// A pattern for `--exclude`. borg's own styles of patterns cannot say all that the
/// contract's can: `sh:` has no way to escape a bracket, and begins at the root.
pub fn translate(pattern: &Pattern) -> String {
    let mut text = String::from("re:");
    text.push_str(if pattern.absolute { "\\A" } else { "(?:\\A|/)" });
    for (i, part) in pattern.parts.iter().enumerate() {
        match part {
            Part::AnyDepth => text.push_str("(?:[^/]+/)*"),
            Part::Name(tokens) => {
                for each in tokens {
                    token(each, &mut text);
                }
                if i + 1 < pattern.parts.len() {
                    text.push('/');
                }
            }
        }
    }
    text.push_str("(?:/|\\Z)");
    text
}

fn token(token: &Token, text: &mut String) {
    match token {
        Token::Literal(character) => escape(*character, text),
        Token::AnyCharacter => text.push_str("[^/]"),
        Token::AnyCharacters => text.push_str("[^/]*"),
        Token::Class { negated, ranges } => {
            text.push_str(if *negated { "(?!/)[^" } else { "(?!/)[" });
            for (from, to) in ranges {
                escape(*from, text);
                if to != from {
                    text.push('-');
                    escape(*to, text);
                }
            }
            text.push(']');
        }
    }
}

fn escape(character: char, text: &mut String) {
    if character.is_ascii() && !character.is_ascii_alphanumeric() {
        let _ = write!(text, "\\x{:02x}", u32::from(character));
    } else {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_their_meaning() {
        for (contract, borg) in [
            ("*.tmp", "re:(?:\\A|/)[^/]*\\x2etmp(?:/|\\Z)"),
            ("/a/b?", "re:\\Aa/b[^/](?:/|\\Z)"),
            ("/a/**/b", "re:\\Aa/(?:[^/]+/)*b(?:/|\\Z)"),
            ("**/a/b", "re:(?:\\A|/)(?:[^/]+/)*a/b(?:/|\\Z)"),
            ("/a/**", "re:\\Aa/(?:[^/]+/)*[^/]*(?:/|\\Z)"),
            ("[!a-c\\]]", "re:(?:\\A|/)(?!/)[^a-c\\x5d](?:/|\\Z)"),
            ("é$(", "re:(?:\\A|/)é\\x24\\x28(?:/|\\Z)"),
        ] {
            let pattern = Pattern::parse(contract).unwrap();
            assert_eq!(translate(&pattern), borg, "{contract}");
        }
    }
}
