//! Tables of lines: text stands left, numbers stand right, and free text at the end of a row widens no column.

use super::{Line, Tone};

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Columns with two blanks between them and no frame.
///
/// The last cell of a row, if it stands left, has no influence on widths: it is the place for free text.
#[derive(Debug, Clone)]
pub struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<Line>>,
}

impl Table {
    /// A table with a row of titles; a title that begins with `>` stands right, as its numbers do.
    pub fn titled(titles: &[&str]) -> Self {
        let mut table = Self::bare(titles);
        let titles = titles
            .iter()
            .map(|title| Line::toned(Tone::Dim, title.trim_start_matches('>')));
        table.rows.push(titles.collect());
        table
    }

    /// A table without titles; `columns` says with `>` which ones stand right.
    pub fn bare(columns: &[&str]) -> Self {
        let side = |column: &&str| {
            if column.starts_with('>') {
                Side::Right
            } else {
                Side::Left
            }
        };
        Self {
            sides: columns.iter().map(side).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; it may have fewer cells than there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The finished lines.
    pub fn lines(self) -> Vec<Line> {
        let widths = self.widths();
        let sides = self.sides;
        self.rows
            .into_iter()
            .map(|row| finished(row, &sides, &widths))
            .collect()
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.sides.len()];
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                let is_free = at + 1 == row.len() && self.side(at) == Side::Left;
                if let Some(width) = widths.get_mut(at).filter(|_| !is_free) {
                    *width = cell.width().max(*width);
                }
            }
        }
        widths
    }

    fn side(&self, column: usize) -> Side {
        self.sides.get(column).copied().unwrap_or(Side::Left)
    }
}

fn finished(row: Vec<Line>, sides: &[Side], widths: &[usize]) -> Line {
    let mut line = Line::new();
    let mut end = 0;
    for (at, cell) in row.into_iter().enumerate() {
        let width = widths.get(at).copied().unwrap_or(0);
        let blanks = match sides.get(at) {
            Some(Side::Right) => width.saturating_sub(cell.width()),
            Some(Side::Left) | None => 0,
        };
        if cell.width() > 0 {
            line.pad(end + blanks);
            line.append(cell);
        }
        end += width + 2;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: Table) -> String {
        table.lines().iter().map(|line| line.text() + "\n").collect()
    }

    #[test]
    fn text_stands_left_numbers_right_and_free_text_widens_nothing() {
        let mut table = Table::titled(&["NAME", ">FRAMES", "WHY"]);
        table.row(["eth1", "7", "a very long reason"].map(Line::from));
        table.row(["fifteen-bytes-x", "123456789", "-"].map(Line::from));
        let expected = "\
NAME                FRAMES  WHY
eth1                     7  a very long reason
fifteen-bytes-x  123456789  -
";
        assert_eq!(text(table), expected);
    }

    #[test]
    fn a_short_row_spans_the_rest_and_no_line_ends_in_blanks() {
        let mut table = Table::bare(&["", "", ""]);
        table.row(["acme", "2 segments, 3 attachments"].map(Line::from));
        table.row(["  eth1", "up", "x"].map(Line::from));
        table.row(["", "", ""].map(Line::from));
        assert_eq!(
            text(table),
            "acme    2 segments, 3 attachments\n  eth1  up  x\n\n"
        );
    }
}
