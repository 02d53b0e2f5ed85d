//! Files in the syntax of systemd's `EnvironmentFile=`.
//!
//! Follows `src/basic/env-file.c` of systemd state by state, so that a file means here
//! what it means in a unit. What systemd drops with a warning or in silence (a line
//! without `=`, a name that is no variable's, a quotation without an end) is an error
//! here: a lost key would otherwise show up as something else, much later.

use std::fmt;

const WHITESPACE: &[char] = &[' ', '\t', '\n', '\r'];
const NEWLINE: &[char] = &['\n', '\r'];
/// What a backslash escapes between double quotes.
const ESCAPED_IN_QUOTES: &[char] = &['"', '\\', '`', '$'];

/// What is wrong with a file, and where. Never contains a value: those are secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Line on which the assignment begins, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Reads all assignments in the order of their first appearance; of two with one name the last counts.
///
/// # Errors
/// A line is no assignment, or a quotation has no end.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, Error> {
    let mut parser = Parser::default();
    for c in text.chars() {
        parser.step(c)?;
        if c == '\n' {
            parser.line += 1;
        }
    }
    parser.finish()
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Error {}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
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
    state: State,
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
            state: State::default(),
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
    fn step(&mut self, c: char) -> Result<(), Error> {
        if c == '\0' {
            self.begun = self.line;
            return Err(self.error("has a NUL byte; write it as text"));
        }
        self.state = match self.state {
            State::BeforeName => self.before_name(c),
            State::Name if NEWLINE.contains(&c) => return Err(self.no_assignment()),
            State::Name if c == '=' => State::BeforeValue,
            State::Name => {
                self.name.push(c);
                State::Name
            }
            State::BeforeValue | State::Value if NEWLINE.contains(&c) => self.assign()?,
            State::BeforeValue => self.before_value(c),
            State::Value if c == '\\' => {
                self.trimmed = self.value.len();
                State::ValueEscape
            }
            State::Value => {
                self.value.push(c);
                if !WHITESPACE.contains(&c) {
                    self.trimmed = self.value.len();
                }
                State::Value
            }
            State::ValueEscape => {
                if !NEWLINE.contains(&c) {
                    self.value.push(c);
                }
                self.trimmed = self.value.len();
                State::Value
            }
            State::Single if c == '\'' => State::BeforeValue,
            State::Double if c == '"' => State::BeforeValue,
            State::Double if c == '\\' => State::DoubleEscape,
            quoted @ (State::Single | State::Double) => {
                self.keep(c);
                quoted
            }
            State::DoubleEscape => {
                if ESCAPED_IN_QUOTES.contains(&c) {
                    self.keep(c);
                } else if c != '\n' {
                    self.keep('\\');
                    self.keep(c);
                }
                State::Double
            }
            State::Comment if c == '\\' => State::CommentEscape,
            State::Comment | State::CommentEscape if NEWLINE.contains(&c) => State::BeforeName,
            State::Comment | State::CommentEscape => State::Comment,
        };
        Ok(())
    }

    fn before_name(&mut self, c: char) -> State {
        self.begun = self.line;
        match c {
            '#' | ';' => State::Comment,
            _ if WHITESPACE.contains(&c) => State::BeforeName,
            _ => {
                self.name.push(c);
                State::Name
            }
        }
    }

    /// At the start of a value, or after the end of a quotation in it.
    fn before_value(&mut self, c: char) -> State {
        match c {
            '\'' => State::Single,
            '"' => State::Double,
            '\\' => State::ValueEscape,
            _ if WHITESPACE.contains(&c) => State::BeforeValue,
            _ => {
                self.keep(c);
                State::Value
            }
        }
    }

    fn keep(&mut self, c: char) {
        self.value.push(c);
        self.trimmed = self.value.len();
    }

    fn assign(&mut self) -> Result<State, Error> {
        self.value.truncate(self.trimmed);
        self.trimmed = 0;
        let name = std::mem::take(&mut self.name);
        let name = name.trim_end_matches(WHITESPACE).to_owned();
        let value = std::mem::take(&mut self.value);
        if !is_variable_name(&name) {
            return Err(self.error(
                "what is before `=` is not a variable's name; write NAME=value, without `export`",
            ));
        }
        match self.found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.found.push((name, value)),
        }
        Ok(State::BeforeName)
    }

    fn finish(mut self) -> Result<Vec<(String, String)>, Error> {
        match self.state {
            State::BeforeName | State::Comment | State::CommentEscape => {}
            State::Name => return Err(self.no_assignment()),
            State::BeforeValue | State::Value | State::ValueEscape => {
                self.assign()?;
            }
            State::Single | State::Double | State::DoubleEscape => {
                return Err(self.error(
                    "a quotation has no end; close it, or put a backslash before the quote",
                ));
            }
        }
        Ok(self.found)
    }

    fn no_assignment(&self) -> Error {
        self.error("has no `=`; write NAME=value, or `#` before a comment")
    }

    fn error(&self, message: &str) -> Error {
        Error {
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
