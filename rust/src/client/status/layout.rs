//! Layout of tables that fit the terminal.

use crate::client::terminal::{Style, Terminal};

/// Spaces between columns.
const GAP: usize = 2;
/// Minimum width to which a column is cut.
const NARROW: usize = 8;

/// Cell of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(style: Style, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }

    pub(super) fn paint(&self, terminal: Terminal) -> String {
        terminal.paint(self.style, &self.text)
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Style::Plain, text)
    }
}

/// Lays out a table, line by line. If it is too wide for the terminal, leaves out the columns
/// named in `dispensable` one by one, then cuts the widest ones.
pub(super) fn align<const N: usize>(
    head: [&str; N],
    rows: &[[Cell; N]],
    dispensable: &[&str],
    terminal: Terminal,
) -> Vec<String> {
    let head = head.map(|name| Cell::new(Style::Head, name));
    let all: Vec<&[Cell; N]> = std::iter::once(&head).chain(rows).collect();
    let mut widths: Vec<(usize, usize)> = (0..N)
        .map(|column| {
            let cells = all.iter().map(|row| row[column].text.chars().count());
            (column, cells.max().unwrap_or_default())
        })
        .collect();
    if let Some(limit) = terminal.width {
        for name in dispensable {
            if total(&widths) > limit {
                widths.retain(|(column, _)| head[*column].text != *name);
            }
        }
        while total(&widths) > limit {
            match widths.iter_mut().max_by_key(|(_, width)| *width) {
                Some((_, width)) if *width > NARROW => *width -= 1,
                _ => break,
            }
        }
    }
    all.iter()
        .map(|row| line(*row, &widths, terminal))
        .collect()
}

fn total(widths: &[(usize, usize)]) -> usize {
    widths.iter().map(|(_, width)| width + GAP).sum::<usize>() - GAP
}

fn line(row: &[Cell], widths: &[(usize, usize)], terminal: Terminal) -> String {
    let mut line = String::new();
    let mut space = 0;
    for (column, width) in widths {
        let cell = &row[*column];
        let length = cell.text.chars().count();
        if length > 0 {
            line.extend(std::iter::repeat_n(' ', space));
            space = 0;
            if length > *width {
                let cut: String = cell.text.chars().take(width - 1).collect();
                line.push_str(&terminal.paint(cell.style, &format!("{cut}…")));
            } else {
                line.push_str(&terminal.paint(cell.style, &cell.text));
            }
        }
        space += GAP + width - length.min(*width);
    }
    line
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn table(width: Option<usize>, colour: bool) -> String {
        let rows = [
            [
                "nextcloud".into(),
                "restic".into(),
                Cell::new(Style::Good, "success"),
            ],
            [
                "an-instance-with-a-long-name".into(),
                "borg".into(),
                "".into(),
            ],
        ];
        let terminal = Terminal { width, colour };
        align(
            ["INSTANCE", "PROVIDER", "OUTCOME"],
            &rows,
            &["PROVIDER"],
            terminal,
        )
        .join("\n")
    }

    #[test]
    fn columns_go_before_text_is_cut() {
        expect![[r#"
            INSTANCE                      PROVIDER  OUTCOME
            nextcloud                     restic    success
            an-instance-with-a-long-name  borg"#]]
        .assert_eq(&table(None, false));
        expect![[r#"
            INSTANCE                      OUTCOME
            nextcloud                     success
            an-instance-with-a-long-name"#]]
        .assert_eq(&table(Some(40), false));
        expect![[r#"
            INSTANCE       OUTCOME
            nextcloud      success
            an-instance-…"#]]
        .assert_eq(&table(Some(22), false));
    }

    #[test]
    fn a_colour_takes_no_width() {
        let plain = table(None, false);
        let coloured = table(None, true);
        assert!(
            coloured.contains("\u{1b}[32msuccess\u{1b}[0m"),
            "{coloured}"
        );
        let codes = ["\u{1b}[1m", "\u{1b}[32m", "\u{1b}[0m"];
        let stripped = codes
            .iter()
            .fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }
}
