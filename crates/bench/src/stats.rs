//! Medians, spreads and the table.

use std::io;

/// One line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) ours: Spread,
    pub(crate) floor: Option<Spread>,
    pub(crate) unit: &'static str,
}

/// The middle of many measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) p99: f64,
    pub(crate) count: usize,
}

impl Spread {
    /// Of these; their order does not matter.
    pub(crate) fn of(mut values: Vec<f64>) -> Spread {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| {
            values
                .get(((values.len() as f64 - 1.0) * part).round() as usize)
                .copied()
                .unwrap_or(f64::NAN)
        };
        Spread {
            median: at(0.5),
            low: at(0.0),
            p99: at(0.99),
            count: values.len(),
        }
    }

    /// A figure that was read once.
    pub(crate) fn single(value: f64) -> Spread {
        Spread::of(vec![value])
    }
}

/// All rows as Markdown.
pub(crate) fn table(machine: &str, rows: &[Row]) -> String {
    let mut text = format!(
        "Machine: {machine}.\n\n| what | median | lowest | p99 | n | floor | ratio |\n|---|---|---|---|---|---|---|\n"
    );
    for Row {
        what,
        ours,
        floor,
        unit,
    } in rows
    {
        let (floor_text, ratio) = match floor {
            Some(floor) => (
                format!("{:.3} {unit}", floor.median),
                format!("{:.2}", ours.median / floor.median),
            ),
            None => ("-".to_owned(), "-".to_owned()),
        };
        text += &format!(
            "| {what} | {:.3} {unit} | {:.3} | {:.3} | {} | {floor_text} | {ratio} |\n",
            ours.median, ours.low, ours.p99, ours.count
        );
    }
    text
}

const BEGIN: &str = "<!-- table begins -->\n";
const END: &str = "<!-- table ends -->\n";

/// Puts the table between its marks in a file.
pub(crate) fn replace_table(path: &str, table: &str) -> io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let no_marks = || io::Error::new(io::ErrorKind::InvalidData, format!("{path} has no marks for the table"));
    let (before, rest) = text.split_once(BEGIN).ok_or_else(no_marks)?;
    let (_, after) = rest.split_once(END).ok_or_else(no_marks)?;
    std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_p99_nearly_the_end() {
        let spread = Spread::of((1..=101).rev().map(f64::from).collect());
        assert_eq!(
            (spread.low, spread.median, spread.p99, spread.count),
            (1.0, 51.0, 100.0, 101)
        );
    }
}
