//! Properties of the terminal on standard output.

use std::env::var_os;
use std::io::{IsTerminal, stdout};

/// Width and colours of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Characters per line; none for unlimited.
    pub width: Option<usize>,
    /// Colours are supported.
    pub colour: bool,
}

/// Style of a text, by its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Normal.
    #[default]
    Plain,
    /// Success.
    Good,
    /// Warning.
    Odd,
    /// Error.
    Bad,
    /// In progress.
    Busy,
    /// Heading.
    Head,
    /// Less important.
    Faint,
}

impl Terminal {
    /// Properties of standard output. Respects `NO_COLOR` (see no-color.org) and `TERM=dumb`.
    #[must_use]
    pub fn of_output() -> Self {
        if !stdout().is_terminal() {
            return Self::default();
        }
        let size = rustix::termios::tcgetwinsize(stdout()).ok();
        let plain = var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || var_os("TERM").is_none_or(|term| term == "dumb");
        Self {
            width: size
                .map(|size| usize::from(size.ws_col))
                .filter(|width| *width > 0),
            colour: !plain,
        }
    }

    /// Adds the escape codes of a style, if colours are supported.
    #[must_use]
    pub fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_owned(),
            Style::Good => "32",
            Style::Odd => "33",
            Style::Bad => "1;31",
            Style::Busy => "36",
            Style::Head => "1",
            Style::Faint => "2",
        };
        if self.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
