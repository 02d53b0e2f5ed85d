//! What standard output is: a terminal with a width and colours, or something else.

use std::env::var_os;
use std::io::{IsTerminal, stdout};

/// How text for people is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// So many characters fit into a line, if that is limited.
    pub width: Option<usize>,
    /// Whether it shows colours.
    pub colour: bool,
}

/// What a text means, and so how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Nothing special.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// To be looked at.
    Odd,
    /// Something has to be done.
    Bad,
    /// Goes on now.
    Busy,
    /// A heading.
    Head,
    /// Less important than the rest.
    Faint,
}

impl Terminal {
    /// What standard output is. `NO_COLOR` (see no-color.org) and `TERM=dumb` are respected.
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

    /// The text as it is to look.
    #[must_use]
    pub fn paint(self, look: Style, text: &str) -> String {
        let code = match look {
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
