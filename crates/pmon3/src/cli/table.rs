//! How a table is laid out: pure, from cells and a width to text.
//!
//! On a terminal it is boxed and never wider than the terminal. What is too wide gives way in this order: the padding,
//! the columns that can be cut (with an ellipsis) or wrapped, whole columns by their rank. Elsewhere it is
//! plain columns with nothing cut, so that a script always finds the same words.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Where a table goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// A file, a pipe: plain columns.
    Plain,
    /// A terminal of so many columns.
    Screen {
        /// Columns.
        width: usize,
        /// Whether colours are wanted.
        colour: bool,
    },
}

/// The colours that are used, all of them of the terminal's own palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Green,
    Yellow,
    Red,
    Magenta,
    Cyan,
    Grey,
}

impl Colour {
    fn paint(self, text: &str) -> String {
        let code = match self {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
            Colour::Magenta => 35,
            Colour::Cyan => 36,
            Colour::Grey => 90,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What a column does with a cell that is wider than the room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overflow {
    /// It is never narrowed.
    Keep,
    /// Down to this width cells are cut, with an ellipsis.
    Cut(usize),
    /// Down to this width cells go on in further lines.
    Wrap(usize),
}

/// One column: at the left, never narrowed nor left out, unless it is said otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    heading: &'static str,
    plain: &'static str,
    right: bool,
    overflow: Overflow,
    rank: u8,
    colour: Option<Colour>,
}

impl Column {
    /// With this above it.
    pub(super) const fn new(heading: &'static str) -> Column {
        Column {
            heading,
            plain: heading,
            right: false,
            overflow: Overflow::Keep,
            rank: 0,
            colour: None,
        }
    }

    /// With this above it where it is not for a terminal: one word of ASCII.
    pub(super) const fn plain(self, plain: &'static str) -> Column {
        Column { plain, ..self }
    }

    /// Numbers stand at the right.
    pub(super) const fn right(self) -> Column {
        Column { right: true, ..self }
    }

    /// What becomes of cells that are too wide.
    pub(super) const fn overflow(self, overflow: Overflow) -> Column {
        Column { overflow, ..self }
    }

    /// The columns with the highest rank are left out first where there is no room.
    pub(super) const fn rank(self, rank: u8) -> Column {
        Column { rank, ..self }
    }

    /// For cells that have no colour of their own.
    pub(super) const fn colour(self, colour: Colour) -> Column {
        Column {
            colour: Some(colour),
            ..self
        }
    }
}

/// One cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    /// What stands in it on a terminal.
    text: String,
    /// What stands in it elsewhere.
    plain: Option<String>,
    colour: Option<Colour>,
}

impl Cell {
    pub(super) fn new(text: impl AsRef<str>) -> Cell {
        Cell {
            text: printable(text.as_ref()),
            plain: None,
            colour: None,
        }
    }

    pub(super) fn coloured(mut self, colour: Colour) -> Cell {
        self.colour = Some(colour);
        self
    }

    /// Where it is not for a terminal, this stands there instead.
    pub(super) fn or_plain(mut self, plain: impl Into<String>) -> Cell {
        self.plain = Some(plain.into());
        self
    }

    fn plain(&self) -> &str {
        self.plain.as_deref().unwrap_or(&self.text)
    }
}

/// Columns and rows; each row has a cell for each column.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The text of it, with a line end at its end.
    pub(super) fn render(&self, page: Page) -> String {
        match page {
            Page::Plain => self.plain(),
            Page::Screen { width, colour } => self.boxed(&self.fit(width), colour),
        }
    }

    fn plain(&self) -> String {
        let headings = self.columns.iter().map(|column| column.plain).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(Cell::plain).collect());
        let lines: Vec<Vec<&str>> = std::iter::once(headings).chain(rows).collect();
        let mut widths = vec![0; self.columns.len()];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.width());
            }
        }
        let mut text = String::new();
        for line in &lines {
            let mut out = String::new();
            for ((cell, &width), column) in line.iter().zip(&widths).zip(&self.columns) {
                out.push_str(&aligned(cell, width, column.right));
                out.push_str("  ");
            }
            text.push_str(out.trim_end());
            text.push('\n');
        }
        text
    }

    /// The widest layout for this terminal.
    fn fit(&self, width: usize) -> Layout {
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        loop {
            let natural: Vec<usize> = shown.iter().map(|&at| self.natural_width(at)).collect();
            for padding in [1, 0] {
                let layout = Layout {
                    shown: shown.clone(),
                    widths: natural.clone(),
                    padding,
                };
                if layout.total() <= width {
                    return layout;
                }
            }
            let mut layout = Layout {
                shown: shown.clone(),
                widths: natural,
                padding: 0,
            };
            layout.narrow(width, |at| match self.columns[at].overflow {
                Overflow::Keep => None,
                Overflow::Cut(least) | Overflow::Wrap(least) => Some(least),
            });
            if layout.total() <= width {
                return layout;
            }
            let expendable = shown.iter().copied().filter(|&at| self.columns[at].rank > 0);
            match expendable.max_by_key(|&at| self.columns[at].rank) {
                Some(out) => shown.retain(|&at| at != out),
                None => {
                    layout.narrow(width, |_| Some(1));
                    return layout;
                }
            }
        }
    }

    fn natural_width(&self, at: usize) -> usize {
        let cells = self
            .rows
            .iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.text.width());
        cells.chain([self.columns[at].heading.width()]).max().unwrap_or(0)
    }

    fn boxed(&self, layout: &Layout, colour: bool) -> String {
        let paint = |text: String, with: Option<Colour>| match with {
            Some(with) if colour => with.paint(&text),
            _ => text,
        };
        let mut text = layout.rule("╭", "╥", "╮");
        let headings = layout.cells().map(|(at, width)| {
            let heading = aligned(&cut(self.columns[at].heading, width), width, self.columns[at].right);
            paint(heading, Some(Colour::Cyan))
        });
        text.push_str(&layout.line(headings));
        text.push_str(&layout.rule("├", "╫", "┤"));
        for row in &self.rows {
            let lines: Vec<Vec<String>> = layout
                .cells()
                .map(|(at, width)| match (row.get(at), self.columns[at].overflow) {
                    (Some(cell), Overflow::Wrap(_)) => wrap(&cell.text, width),
                    (Some(cell), _) => vec![cut(&cell.text, width)],
                    (None, _) => Vec::new(),
                })
                .collect();
            for number in 0..lines.iter().map(Vec::len).max().unwrap_or(0) {
                let cells = layout.cells().zip(&lines).map(|((at, width), lines)| {
                    let line = lines.get(number).map_or("", String::as_str);
                    let own = row.get(at).and_then(|cell| cell.colour);
                    paint(
                        aligned(line, width, self.columns[at].right),
                        own.or(self.columns[at].colour),
                    )
                });
                text.push_str(&layout.line(cells));
            }
        }
        text.push_str(&layout.rule("╰", "╨", "╯"));
        text
    }
}

/// Which columns are shown, and how wide.
struct Layout {
    shown: Vec<usize>,
    widths: Vec<usize>,
    /// Spaces on either side of each cell.
    padding: usize,
}

impl Layout {
    fn cells(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.shown.iter().copied().zip(self.widths.iter().copied())
    }

    fn total(&self) -> usize {
        self.widths
            .iter()
            .map(|width| width + 2 * self.padding + 1)
            .sum::<usize>()
            + 1
    }

    /// Takes from the widest columns until it fits, from each down to its least width.
    fn narrow(&mut self, width: usize, least: impl Fn(usize) -> Option<usize>) {
        while self.total() > width {
            let candidates = self
                .cells()
                .enumerate()
                .filter(|&(_, (at, wide))| least(at).is_some_and(|least| wide > least));
            let Some((widest, _)) = candidates.max_by_key(|&(_, (_, wide))| wide) else {
                return;
            };
            self.widths[widest] -= 1;
        }
    }

    fn rule(&self, left: &str, between: &str, right: &str) -> String {
        let parts: Vec<String> = self
            .widths
            .iter()
            .map(|width| "─".repeat(width + 2 * self.padding))
            .collect();
        format!("{left}{}{right}\n", parts.join(between))
    }

    fn line(&self, cells: impl Iterator<Item = String>) -> String {
        let padding = " ".repeat(self.padding);
        let cells: Vec<String> = cells.map(|cell| format!("{padding}{cell}{padding}")).collect();
        format!("│{}│\n", cells.join("║"))
    }
}

fn aligned(text: &str, width: usize, right: bool) -> String {
    let space = " ".repeat(width.saturating_sub(text.width()));
    if right { space + text } else { text.to_owned() + &space }
}

/// The text, or its beginning and an ellipsis.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = beginning(text, width.saturating_sub(1)).to_owned();
    out.push('…');
    out
}

/// Lines of at most this width, broken at spaces where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width {
        let mut line = beginning(rest, width);
        if line.is_empty() {
            // Not even one character fits: take it, so as to come to an end.
            line = &rest[..rest.chars().next().map_or(rest.len(), char::len_utf8)];
        }
        if !rest[line.len()..].starts_with(' ')
            && let Some(space) = line.rfind(' ').filter(|&space| space > 0)
        {
            line = &line[..space];
        }
        lines.push(line.to_owned());
        rest = rest[line.len()..].trim_start_matches(' ');
    }
    if !rest.is_empty() || lines.is_empty() {
        lines.push(rest.to_owned());
    }
    lines
}

/// As much of the text as fits into this width.
fn beginning(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return &text[..at];
        }
    }
    text
}

/// Control characters, and those that turn the direction of writing, as escapes: what a process is called or told must
/// not steer the terminal of whoever lists it.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.extend(c.escape_default()),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                out.extend(c.escape_unicode())
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
