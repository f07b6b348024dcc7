//! What commands print: text for people, or the server's answer as JSON for programs.
//!
//! Texts from elsewhere (names, command lines of a session) never reach the terminal with control characters in
//! them: they could move the cursor and hide what was printed.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use byleave_api::byleave::List;
use clap::ValueEnum;
use serde::Serialize;

use super::fault::{Fault, Outcome};

/// Nobody reads standard output any more, as in `byleave events | head -1`: the command ends without a word.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads standard output any more")]
pub(crate) struct ReaderGone;

/// Writes to standard output.
///
/// # Errors
/// [`ReaderGone`], or why it cannot be written.
pub(crate) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Writes a text with colours to standard output, and without them where nobody would see them.
///
/// # Errors
/// As [`write()`].
pub(crate) fn tell(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn written(done: std::io::Result<()>) -> anyhow::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        done => done.context("cannot write to standard output"),
    }
}

/// Says something besides on standard error. Nothing can be told any more if that is gone.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
}

impl Output {
    /// Prints an answer: as JSON, or as the text made of it.
    pub(crate) fn print<T: Serialize>(self, answer: &T, text: impl FnOnce(&T) -> String) -> Outcome<()> {
        match self {
            Self::Json => line(&serde_json::to_string_pretty(answer).context("the answer has no JSON form")?),
            Self::Text => line(&plain(&text(answer))),
        }
    }

    /// Prints a list. As JSON all lists have one form: an object with `results`.
    pub(crate) fn list<T: Serialize>(self, rows: Vec<T>, text: impl FnOnce(&[T]) -> String) -> Outcome<()> {
        self.print(&List { results: rows }, |list| text(&list.results))
    }

    /// Prints one entry of a stream: a JSON object in one line, or text.
    pub(crate) fn entry<T: Serialize>(self, entry: &T, text: impl FnOnce(&T) -> String) -> Outcome<()> {
        match self {
            Self::Json => line(&serde_json::to_string(entry).context("the entry has no JSON form")?),
            Self::Text => line(&plain(&text(entry))),
        }
    }

    /// Prints a fault on standard error.
    pub(crate) fn fault(self, fault: &Fault) {
        let text = match self {
            Self::Json => serde_json::json!({
                "exit": fault.exit as u8, "error": fault.text(), "advice": fault.advice,
            })
            .to_string(),
            Self::Text => {
                let advice = fault.advice.iter().map(|advice| format!("\n  {}", advice.replace('\n', "\n  ")));
                plain(&format!("error: {}{}", fault.text(), advice.collect::<String>()))
            }
        };
        note(&text);
    }
}

/// Prints a line.
fn line(text: &str) -> Outcome<()> {
    write(format!("{}\n", text.trim_end()).as_bytes()).map_err(Fault::from)
}

/// The text with every control character but the line feed shown as an escape.
pub(crate) fn plain(text: &str) -> String {
    let hides =
        |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    if !text.contains(hides) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if hides(c) { c.escape_unicode().collect() } else { vec![c] }).collect()
}

/// A table without lines, for people and for `awk`. `empty` stands alone if there are no rows.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, empty: &str) -> String {
    if rows.is_empty() {
        return empty.to_owned();
    }
    let mut lines = vec![header.iter().map(|word| word.to_uppercase()).collect::<Vec<_>>()];
    lines.extend(rows.into_iter().map(|row| row.iter().map(|cell| plain(&cell.replace('\n', " "))).collect()));
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..header.len()).map(|column| width(column).unwrap_or(0)).collect();
    let text = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(text).collect()
}

/// An instant as people read it: to the second, in UTC.
pub(crate) fn instant(text: &str) -> String {
    let (date, rest) = text.split_once('T').unwrap_or((text, ""));
    let time = rest.split(['.', 'Z']).next().unwrap_or_default();
    if time.is_empty() { text.to_owned() } else { format!("{date} {time}Z") }
}

/// A number of bytes as people read it.
pub(crate) fn bytes(count: i64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{}.{} {unit}", count / size, (count % size) * 10 / size),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\n");
        assert_eq!(plain("Müller & Töchter"), "Müller & Töchter");
        assert_eq!(plain("x\u{202e}y"), "x\\u{202e}y");
    }

    #[test]
    fn tables_have_one_line_a_row() {
        let text = table(&["name", "state"], vec![vec!["a".into(), "b\nc".into()]], "none");
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.starts_with("NAME"), "{text}");
        assert_eq!(table(&["name"], Vec::new(), "no clusters"), "no clusters");
    }

    #[test]
    fn instants_and_bytes_read_easily() {
        assert_eq!(instant("2026-11-23T18:00:05.123Z"), "2026-11-23 18:00:05Z");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(12), "12 B");
    }
}
