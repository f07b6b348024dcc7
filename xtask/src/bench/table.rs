//! Figures by measure and way, their medians, and the table they make.

use std::fmt;

/// A way to reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// Straight.
    Direct,
    /// Through an OpenSSH bastion.
    Jump,
    /// Through the gateway.
    Byleave,
}

impl Way {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Direct, Self::Jump, Self::Byleave];
}

/// One measure over the ways.
struct Row {
    name: &'static str,
    unit: &'static str,
    samples: Vec<(Way, f64)>,
}

/// All measures.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Adds a figure.
    pub(crate) fn add(&mut self, name: &'static str, unit: &'static str, way: Way, value: f64) {
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.samples.push((way, value)),
            None => self.rows.push(Row { name, unit, samples: vec![(way, value)] }),
        }
    }

    /// Adds a line below the table.
    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

/// The value below which this part of the samples lies; `None` without samples.
pub(crate) fn quantile(samples: &mut [f64], part: f64) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().checked_sub(1)?;
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few samples")]
    let index = (last as f64 * part).round() as usize;
    samples.get(index).copied()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| median | direct | jump | byleave | byleave × jump |\n|---|---|---|---|---|")?;
        for row in &self.rows {
            let median = |way: Way| {
                let mut of: Vec<f64> = row.samples.iter().filter(|(of, _)| *of == way).map(|(_, value)| *value).collect();
                quantile(&mut of, 0.5)
            };
            let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
            let [direct, jump, ours] = Way::ALL.map(median);
            let ratio = ours.zip(jump).map(|(ours, jump)| ours / jump);
            let (name, unit) = (row.name, row.unit);
            writeln!(f, "| {name}, {unit} | {} | {} | {} | {} |", cell(direct), cell(jump), cell(ours), cell(ratio))?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "\n{note}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios_are_those_of_the_samples() {
        let mut report = Report::default();
        for (way, value) in [(Way::Jump, 4.0), (Way::Byleave, 9.0), (Way::Byleave, 1.0), (Way::Byleave, 2.0)] {
            report.add("x", "ms", way, value);
        }
        assert!(report.to_string().contains("| x, ms | – | 4.00 | 2.00 | 0.50 |"), "{report}");
        assert_eq!(quantile(&mut [], 0.5), None);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.99), Some(3.0));
    }
}
