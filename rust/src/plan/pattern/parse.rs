//! Parser of [`Pattern`].

use std::iter::Peekable;
use std::str::Chars;

use super::{Mistake, Part, Pattern, Token};

const EMPTY: Mistake = Mistake {
    problem: "is not a pattern",
    remedy: "Give one pattern, such as `*.tmp`",
};
const NEGATION: Mistake = Mistake {
    problem: "starts with `!`, but excluded files cannot be included again",
    remedy: "Exclude less, or write `\\!` for a name that starts with `!`",
};
const MIDDLE_SLASH: Mistake = Mistake {
    problem: "contains `/` but does not start with it, so its starting point is unclear",
    remedy: "Start it with `**/` for any depth, or write an absolute path",
};
const DOTS: Mistake = Mistake {
    problem: "contains the part `.` or `..`",
    remedy: "Write the path without it",
};
const LONE_BACKSLASH: Mistake = Mistake {
    problem: "ends with a backslash that escapes nothing",
    remedy: "Write `\\\\` for a backslash",
};
const OPEN_CLASS: Mistake = Mistake {
    problem: "has a `[` without a `]`",
    remedy: "Close it, or write `\\[` for a bracket",
};
const BACKWARDS: Mistake = Mistake {
    problem: "has a character range whose end is before its start",
    remedy: "Swap both ends of the range",
};
const UNKNOWN_CLASS: Mistake = Mistake {
    problem: "has an unknown character class `[:…:]`",
    remedy: "Use one of alpha, alnum, digit, lower, upper, xdigit, blank and punct",
};

pub fn pattern(text: &str) -> Result<Pattern, Mistake> {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(EMPTY);
    }
    if text.starts_with('!') {
        return Err(NEGATION);
    }
    let absolute = text.starts_with('/');
    let mut parts = Vec::new();
    let mut characters = text.chars().peekable();
    while characters.peek().is_some() {
        let name = name(&mut characters)?;
        let part = match &name[..] {
            [] => continue,
            [Token::AnyCharacters, Token::AnyCharacters] => Part::AnyDepth,
            [Token::Literal('.')] | [Token::Literal('.'), Token::Literal('.')] => {
                return Err(DOTS);
            }
            _ => Part::Name(name),
        };
        if parts.last() != Some(&part) || part != Part::AnyDepth {
            parts.push(part);
        }
    }
    let starts_anywhere = absolute || parts.first() == Some(&Part::AnyDepth);
    if parts.len() > 1 && !starts_anywhere {
        return Err(MIDDLE_SLASH);
    }
    // `/a/**` is what is in `/a`, not `/a` itself.
    if matches!(parts.last(), None | Some(Part::AnyDepth)) {
        parts.push(Part::Name(vec![Token::AnyCharacters]));
    }
    Ok(Pattern { absolute, parts })
}

/// Reads up to the next slash, and over it.
fn name(characters: &mut Peekable<Chars<'_>>) -> Result<Vec<Token>, Mistake> {
    let mut name = Vec::new();
    while let Some(character) = characters.next() {
        let token = match character {
            '/' => break,
            '*' => Token::AnyCharacters,
            '?' => Token::AnyCharacter,
            '[' => class(characters)?,
            '\\' => Token::Literal(characters.next().ok_or(LONE_BACKSLASH)?),
            _ => Token::Literal(character),
        };
        name.push(token);
    }
    Ok(name)
}

/// Reads a class whose `[` has been read.
fn class(characters: &mut Peekable<Chars<'_>>) -> Result<Token, Mistake> {
    let negated = characters
        .next_if(|character| matches!(character, '!' | '^'))
        .is_some();
    let mut ranges = Vec::new();
    let mut first = true;
    loop {
        let character = characters.next().ok_or(OPEN_CLASS)?;
        let from = match character {
            // A bracket in first place is a member of the class.
            ']' if !first => return Ok(Token::Class { negated, ranges }),
            '[' if characters.next_if_eq(&':').is_some() => {
                ranges.extend(named(characters)?);
                first = false;
                continue;
            }
            '/' => return Err(OPEN_CLASS),
            '\\' => characters.next().ok_or(OPEN_CLASS)?,
            _ => character,
        };
        first = false;
        let to = range_end(characters, from)?;
        if to < from {
            return Err(BACKWARDS);
        }
        ranges.push((from, to));
    }
}

/// The end of a range that begins with `from`, which is a range of its own if no `-`
/// follows, or only the `-` that is a member because it is the last one.
fn range_end(characters: &mut Peekable<Chars<'_>>, from: char) -> Result<char, Mistake> {
    let mut ahead = characters.clone();
    if ahead.next() != Some('-') {
        return Ok(from);
    }
    let to = match ahead.next().ok_or(OPEN_CLASS)? {
        ']' => return Ok(from),
        '\\' => ahead.next().ok_or(OPEN_CLASS)?,
        to => to,
    };
    *characters = ahead;
    Ok(to)
}

/// The characters of `[:name:]`, of which `[:` has been read.
fn named(characters: &mut Peekable<Chars<'_>>) -> Result<Vec<(char, char)>, Mistake> {
    let mut name = String::new();
    loop {
        match characters.next().ok_or(OPEN_CLASS)? {
            ':' if characters.next_if_eq(&']').is_some() => break,
            character => name.push(character),
        }
    }
    let ranges: &[(char, char)] = match name.as_str() {
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "digit" => &[('0', '9')],
        "lower" => &[('a', 'z')],
        "upper" => &[('A', 'Z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        _ => return Err(UNKNOWN_CLASS),
    };
    Ok(ranges.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Vec<Token> {
        text.chars().map(Token::Literal).collect()
    }

    #[test]
    fn depth_and_root_are_distinguished() {
        let any = || Part::Name(vec![Token::AnyCharacters]);
        let x = || Part::Name(literal("x"));
        for (text, absolute, parts) in [
            ("x", false, vec![x()]),
            ("/x", true, vec![x()]),
            ("x/", false, vec![x()]),
            ("//x//x", true, vec![x(), x()]),
            ("**/x/x", false, vec![Part::AnyDepth, x(), x()]),
            ("/x/**/**/x", true, vec![x(), Part::AnyDepth, x()]),
            ("/x/**", true, vec![x(), Part::AnyDepth, any()]),
            ("**", false, vec![Part::AnyDepth, any()]),
            ("/", true, vec![any()]),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            assert_eq!(pattern, Pattern { absolute, parts }, "{text}");
        }
    }

    #[test]
    fn names_are_read_as_gitignore_reads_them() {
        let class = |negated, ranges: &[(char, char)]| Token::Class {
            negated,
            ranges: ranges.to_vec(),
        };
        let stars = [&literal("a")[..], &[const { Token::AnyCharacters }; 2]].concat();
        for (text, name) in [
            ("a**", stars),
            ("\\*\\a", literal("*a")),
            ("\\!\\[", literal("![")),
            ("[!a]", vec![class(true, &[('a', 'a')])]),
            ("[^a]", vec![class(true, &[('a', 'a')])]),
            (
                "[a^!]",
                vec![class(false, &[('a', 'a'), ('^', '^'), ('!', '!')])],
            ),
            ("[]-a]", vec![class(false, &[(']', 'a')])]),
            ("[!]]", vec![class(true, &[(']', ']')])]),
            ("[a-]", vec![class(false, &[('a', 'a'), ('-', '-')])]),
            ("[--0]", vec![class(false, &[('-', '0')])]),
            ("[\\]\\-]", vec![class(false, &[(']', ']'), ('-', '-')])]),
            (
                "[[:digit:]x]",
                vec![class(false, &[('0', '9'), ('x', 'x')])],
            ),
        ] {
            let parts = Pattern::parse(text).map(|pattern| pattern.parts);
            assert_eq!(parts, Ok(vec![Part::Name(name)]), "{text}");
        }
    }

    #[test]
    fn invalid_patterns_are_refused() {
        for (text, mistake) in [
            ("", EMPTY),
            (" ", EMPTY),
            ("a\nb", EMPTY),
            ("!a", NEGATION),
            ("a/b", MIDDLE_SLASH),
            ("a/**", MIDDLE_SLASH),
            ("/a/../b", DOTS),
            (".", DOTS),
            ("a\\", LONE_BACKSLASH),
            ("[a", OPEN_CLASS),
            ("[]", OPEN_CLASS),
            ("[a/b]", OPEN_CLASS),
            ("[z-a]", BACKWARDS),
            ("[[:nonsense:]]", UNKNOWN_CLASS),
        ] {
            assert_eq!(Pattern::parse(text), Err(mistake), "{text}");
        }
        assert!(Pattern::parse("...").is_ok());
    }

    #[test]
    fn a_pattern_for_a_directory_above_covers_what_is_below() {
        let covers = |text: &str, path: &str| Pattern::parse(text).unwrap().covers(path.as_ref());
        for text in [
            "/", "/a", "/a/b", "/**", "/a/**", "/**/b", "/**/b/**", "/*/[a-c]", "/?/\\b",
        ] {
            assert!(covers(text, "/a/b/c"), "{text}");
        }
        for text in [
            "b",
            "**/b",
            "**",
            "/b",
            "/a/b/c/d",
            "/a/b/c/**",
            "/a/[!b]",
            "/a/b?",
            "/a/**/d",
        ] {
            assert!(!covers(text, "/a/b/c"), "{text}");
        }
    }

    #[test]
    fn a_pattern_finds_what_it_fits_and_not_what_is_below() {
        let finds = |text: &str| Pattern::parse(text).unwrap().finds("/a/b/c");
        for text in [
            "c", "?", "**/c", "**/b/c", "/a/b/c", "/**/c", "/a/**", "/*/*/c",
        ] {
            assert!(finds(text), "{text}");
        }
        for text in [
            "a",
            "b",
            "**/b",
            "/c",
            "/a/b",
            "/a/*",
            "/a/b/c/d",
            "/a/b/c/**",
            "C",
        ] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn a_name_at_any_depth_is_looked_for_in_the_source_alone() {
        let parse = |text| Pattern::parse(text).unwrap();
        assert_eq!(parse("x?").within("/a/b*"), parse("/a/b\\*/**/x?"));
        assert_eq!(parse("**/x/y").within("/a"), parse("/a/**/x/y"));
        assert_eq!(parse("/x").within("/a"), parse("/x"));
    }
}
