//! Files in the syntax of systemd's `EnvironmentFile=`.
//!
//! Follows `src/basic/env-file.c` of systemd state by state, so that a file means here
//! what it means in a unit. What systemd drops with a warning or in silence (a line
//! without `=`, a name that is no variable's, a quotation without an end) is an error
//! here: a lost key would otherwise show up as something else, much later.

use std::fmt;

const WHITESPACE: &[char] = &[' ', '\t', '\n', '\r'];
const NEWLINE: &[char] = &['\n', '\r'];
/// Characters that a backslash escapes between double quotes.
const ESCAPED_IN_QUOTES: &[char] = &['"', '\\', '`', '$'];

/// Syntax error in a file. Never contains a value, since values are secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Line on which the assignment begins, from 1.
    pub line: usize,
    /// Problem and remedy.
    pub message: String,
}

/// Parses all assignments, in the order of their first appearance. The last one of a name
/// applies.
///
/// # Errors
/// A line is not an assignment, or a quote is not closed.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, SyntaxError> {
    let mut parser = Parser::default();
    for c in text.chars() {
        parser.step(c)?;
        if c == '\n' {
            parser.line += 1;
        }
    }
    parser.finish()
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for SyntaxError {}

#[derive(Clone, Copy, Default, PartialEq)]
enum Quoting {
    #[default]
    BeforeName,
    Name,
    BeforeValue,
    Value,
    ValueEscape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

struct Parser {
    state: Quoting,
    line: usize,
    begun: usize,
    name: String,
    value: String,
    /// Length of the value without the white space at its end.
    trimmed: usize,
    found: Vec<(String, String)>,
}

impl Default for Parser {
    fn default() -> Self {
        Self {
            state: Quoting::default(),
            line: 1,
            begun: 1,
            name: String::new(),
            value: String::new(),
            trimmed: 0,
            found: Vec::new(),
        }
    }
}

impl Parser {
    fn step(&mut self, c: char) -> Result<(), SyntaxError> {
        if c == '\0' {
            self.begun = self.line;
            return Err(self.error("has a NUL byte; write it as text"));
        }
        self.state = match self.state {
            Quoting::BeforeName => self.before_name(c),
            Quoting::Name if NEWLINE.contains(&c) => return Err(self.no_assignment()),
            Quoting::Name if c == '=' => Quoting::BeforeValue,
            Quoting::Name => {
                self.name.push(c);
                Quoting::Name
            }
            Quoting::BeforeValue | Quoting::Value if NEWLINE.contains(&c) => self.assign()?,
            Quoting::BeforeValue => self.before_value(c),
            Quoting::Value if c == '\\' => {
                self.trimmed = self.value.len();
                Quoting::ValueEscape
            }
            Quoting::Value => {
                self.value.push(c);
                if !WHITESPACE.contains(&c) {
                    self.trimmed = self.value.len();
                }
                Quoting::Value
            }
            Quoting::ValueEscape => {
                if !NEWLINE.contains(&c) {
                    self.value.push(c);
                }
                self.trimmed = self.value.len();
                Quoting::Value
            }
            Quoting::Single if c == '\'' => Quoting::BeforeValue,
            Quoting::Double if c == '"' => Quoting::BeforeValue,
            Quoting::Double if c == '\\' => Quoting::DoubleEscape,
            quoted @ (Quoting::Single | Quoting::Double) => {
                self.keep(c);
                quoted
            }
            Quoting::DoubleEscape => {
                if ESCAPED_IN_QUOTES.contains(&c) {
                    self.keep(c);
                } else if c != '\n' {
                    self.keep('\\');
                    self.keep(c);
                }
                Quoting::Double
            }
            Quoting::Comment if c == '\\' => Quoting::CommentEscape,
            Quoting::Comment | Quoting::CommentEscape if NEWLINE.contains(&c) => {
                Quoting::BeforeName
            }
            Quoting::Comment | Quoting::CommentEscape => Quoting::Comment,
        };
        Ok(())
    }

    fn before_name(&mut self, c: char) -> Quoting {
        self.begun = self.line;
        match c {
            '#' | ';' => Quoting::Comment,
            _ if WHITESPACE.contains(&c) => Quoting::BeforeName,
            _ => {
                self.name.push(c);
                Quoting::Name
            }
        }
    }

    /// At the start of a value, or after the end of a quotation in it.
    fn before_value(&mut self, c: char) -> Quoting {
        match c {
            '\'' => Quoting::Single,
            '"' => Quoting::Double,
            '\\' => Quoting::ValueEscape,
            _ if WHITESPACE.contains(&c) => Quoting::BeforeValue,
            _ => {
                self.keep(c);
                Quoting::Value
            }
        }
    }

    fn keep(&mut self, c: char) {
        self.value.push(c);
        self.trimmed = self.value.len();
    }

    fn assign(&mut self) -> Result<Quoting, SyntaxError> {
        self.value.truncate(self.trimmed);
        self.trimmed = 0;
        let name = std::mem::take(&mut self.name);
        let name = name.trim_end_matches(WHITESPACE).to_owned();
        let value = std::mem::take(&mut self.value);
        if !is_variable_name(&name) {
            return Err(
                self.error("invalid variable name before `=`; write NAME=value, without `export`")
            );
        }
        match self.found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.found.push((name, value)),
        }
        Ok(Quoting::BeforeName)
    }

    fn finish(mut self) -> Result<Vec<(String, String)>, SyntaxError> {
        match self.state {
            Quoting::BeforeName | Quoting::Comment | Quoting::CommentEscape => {}
            Quoting::Name => return Err(self.no_assignment()),
            Quoting::BeforeValue | Quoting::Value | Quoting::ValueEscape => {
                self.assign()?;
            }
            Quoting::Single | Quoting::Double | Quoting::DoubleEscape => {
                return Err(self.error("unclosed quote; close it, or put a backslash before it"));
            }
        }
        Ok(self.found)
    }

    fn no_assignment(&self) -> SyntaxError {
        self.error("has no `=`; write NAME=value, or `#` before a comment")
    }

    fn error(&self, message: &str) -> SyntaxError {
        SyntaxError {
            line: self.begun,
            message: message.to_owned(),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests;
