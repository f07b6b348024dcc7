//! One line of the record: a JSON object, written field by field.
//!
//! There is one for each command, before its answer is delivered, so no tree of values is made for it. It must never hold
//! a value of a request, only names, shapes and figures.

/// A line that is being written.
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Begins a line.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(256))
    }

    fn name(&mut self, name: &'static str) {
        self.0.extend_from_slice(if self.0.is_empty() { b"{\"" } else { b",\"" });
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Adds a text, or that there is none.
    pub(super) fn text<'a>(mut self, name: &'static str, text: impl Into<Option<&'a str>>) -> Self {
        self.name(name);
        match text.into() {
            // A text in memory can always be written.
            Some(text) => drop(serde_json::to_writer(&mut self.0, text)),
            None => self.0.extend_from_slice(b"null"),
        }
        self
    }

    /// Adds a whole number, or that there is none.
    pub(super) fn number(mut self, name: &'static str, number: impl Into<Option<i64>>) -> Self {
        self.name(name);
        match number.into() {
            Some(number) => drop(serde_json::to_writer(&mut self.0, &number)),
            None => self.0.extend_from_slice(b"null"),
        }
        self
    }

    /// Ends the line.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(if self.0.is_empty() { b"{}\n" } else { b"}\n" });
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_whatever_stands_in_it() {
        let text = "a \"name\"\nwith {braces} and \u{1f511}";
        let line = Line::new().text("command", text).text("collection", None).number("bytes", 7).number("error", None);
        let line = line.end();
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read, serde_json::json!({ "command": text, "collection": null, "bytes": 7, "error": null }));
        assert_eq!(Line::new().end(), b"{}\n");
    }
}
