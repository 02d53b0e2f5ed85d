//! Exclude patterns in restic's syntax.

use std::fmt::Write;
use std::path::Path;

use crate::base::outcome::Failure;
use crate::plan::pattern::{Part, Pattern, Token};

/// A pattern for `--exclude`.
pub fn translate(pattern: &Pattern) -> String {
    let parts: Vec<String> = pattern.parts.iter().map(part).collect();
    let root = if pattern.absolute { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Options that take `directory` and all below it back in, whatever was excluded before.
///
/// # Errors
/// Its name is not UTF-8.
pub fn except(directory: &Path) -> Result<[String; 4], Failure> {
    let path = directory.to_str().ok_or_else(|| {
        let message = format!("the name of {} is not UTF-8", directory.display());
        Failure::new(message, "choose another name for the instance")
    })?;
    let mut pattern = String::from("!");
    for character in path.chars() {
        escape(character, &mut pattern);
    }
    let option = || "--exclude".to_owned();
    Ok([option(), pattern.clone(), option(), pattern + "/**"])
}

/// A pattern that matches exactly the entry `name` of the restored directory.
pub fn literal(name: &str) -> String {
    let mut pattern = String::from("/");
    for character in name.chars() {
        escape(character, &mut pattern);
    }
    pattern
}

fn part(part: &Part) -> String {
    let Part::Name(tokens) = part else {
        return "**".to_owned();
    };
    let mut text = String::new();
    // A star more is the same, but two alone would mean any depth.
    let mut previous = None;
    for token in tokens {
        match token {
            Token::AnyCharacters if previous == Some(token) => {}
            Token::AnyCharacters => text.push('*'),
            Token::AnyCharacter => text.push('?'),
            // At the beginning it would take back what other patterns exclude.
            Token::Literal('!') => text.push_str("\\!"),
            Token::Literal(character) => escape(*character, &mut text),
            Token::Class { negated, ranges } => class(*negated, ranges, &mut text),
        }
        previous = Some(token);
    }
    text
}

fn class(negated: bool, ranges: &[(char, char)], text: &mut String) {
    text.push_str(if negated { "[^" } else { "[" });
    for (from, to) in ranges {
        let _ = write!(text, "\\{from}");
        if to != from {
            let _ = write!(text, "-\\{to}");
        }
    }
    text.push(']');
}

fn escape(character: char, text: &mut String) {
    if matches!(character, '*' | '?' | '[' | ']' | '\\') {
        text.push('\\');
    }
    text.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_their_meaning() {
        for (contract, restic) in [
            ("*.tmp", "*.tmp"),
            ("/var/lib/x/cache/", "/var/lib/x/cache"),
            ("/var/**/tmp?", "/var/**/tmp?"),
            ("/var/**", "/var/**/*"),
            ("**/a/b", "**/a/b"),
            ("a***b", "a*b"),
            ("[!a]", "[^\\a]"),
            ("a[0-9][!x]b", "a[\\0-\\9][^\\x]b"),
            ("\\[!a]", "\\[!a\\]".replace('!', "\\!").as_str()),
            ("\\!a", "\\!a"),
            ("[]a-]", "[\\]\\a\\-]"),
            ("wow!", "wow\\!"),
            ("\\*", "\\*"),
        ] {
            let pattern = Pattern::parse(contract).unwrap();
            assert_eq!(translate(&pattern), restic, "{contract}");
        }
    }

    #[test]
    fn a_literal_name_means_itself() {
        assert_eq!(literal("we[i]r*d\\x?"), "/we\\[i\\]r\\*d\\\\x\\?");
        assert_eq!(literal("-dash !"), "/-dash !");
    }
}
