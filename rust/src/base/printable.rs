//! Texts that others may have written, for terminals.

/// Replaces control characters, by which a text could steer the terminal that shows it.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The same for a text of several lines, which stay lines.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        let hostile = "a\u{1b}[2Jb\u{9b}1m\r\nä";
        assert_eq!(
            printable(hostile),
            "a\u{fffd}[2Jb\u{fffd}1m\u{fffd}\u{fffd}ä"
        );
        assert_eq!(
            printable_lines(hostile),
            "a\u{fffd}[2Jb\u{fffd}1m\u{fffd}\nä"
        );
    }
}
