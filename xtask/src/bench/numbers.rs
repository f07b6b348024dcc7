//! Medians, percentiles and the tables that tell them.

/// The value in the middle.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that this share of all values does not exceed. Not a number if there is none.
pub(super) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small counts"
    )]
    let at = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// A Markdown table.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut text = line(header.iter().map(ToString::to_string).collect());
    text.push_str(&line(vec!["---".to_owned(); header.len()]));
    text.extend(rows.iter().map(|row| line(row.clone())));
    text
}

/// How many times the value of `jump` a value is.
pub(super) fn times(value: f64, jump: f64) -> String {
    format!("{:.2}", value / jump)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(median(&values).to_string(), "3");
        assert_eq!(percentile(&values, 0.99).to_string(), "5");
        assert_eq!(percentile(&values, 0.0).to_string(), "1");
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_table_is_markdown() {
        let text = table(&["way", "ms"], &[vec!["jump".into(), "1.0".into()]]);
        assert_eq!(text, "| way | ms |\n| --- | --- |\n| jump | 1.0 |\n");
    }
}
