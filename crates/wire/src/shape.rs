//! The shape of a command: its field names with every value replaced by the name of its type.
//!
//! This is what a record holds of a command. It must never hold a value: not even a string that looks like the path of
//! a field, since nobody can tell the two apart. It is bounded, whatever the command.

use crate::bson::{Document, Value, short};

/// The longest shape, in bytes.
pub const LONGEST: usize = 2048;

/// How deep a shape looks.
const DEPTH: usize = 16;

/// Fields that belong to the conversation and not to the question.
const LEFT_OUT: &[&str] =
    &["$db", "lsid", "$clusterTime", "$readPreference", "comment", "apiVersion", "client", "payload"];

/// The shape of a command: `{find: <string>, filter: {_id: <objectId>}, limit: <int>}`.
pub fn of(command: Document<'_>) -> String {
    let mut shape = Shape { text: String::new() };
    shape.fields(command, DEPTH, LEFT_OUT);
    if shape.text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| shape.text.is_char_boundary(*end)).unwrap_or_default();
        shape.text.truncate(end);
        shape.text.push('…');
    }
    shape.text
}

struct Shape {
    text: String,
}

impl Shape {
    const fn full(&self) -> bool {
        self.text.len() > LONGEST
    }

    fn fields(&mut self, document: Document<'_>, depth: usize, left_out: &[&str]) {
        self.text.push('{');
        let mut separator = "";
        for element in document.elements().map_while(Result::ok).filter(|element| !left_out.contains(&element.name)) {
            if self.full() {
                break;
            }
            self.text.push_str(separator);
            separator = ", ";
            self.text.push_str(&short(element.name));
            self.text.push_str(": ");
            self.value(element.value, depth);
        }
        self.text.push('}');
    }

    fn value(&mut self, value: Value<'_>, depth: usize) {
        let inner = value.document().map(Nested::Document).or(value.array().map(Nested::Array));
        match (inner, depth.checked_sub(1)) {
            (Some(Nested::Document(document)), Some(depth)) => self.fields(document, depth, &[]),
            (Some(Nested::Array(array)), Some(depth)) => self.items(array, depth),
            (Some(_), None) | (None, _) => {
                self.text.push('<');
                self.text.push_str(value.kind());
                self.text.push('>');
            }
        }
    }

    /// The elements of an array; those of one shape in a row are counted.
    fn items(&mut self, array: Document<'_>, depth: usize) {
        self.text.push('[');
        let mut separator = "";
        let mut before: Option<(String, usize)> = None;
        for element in array.elements().map_while(Result::ok) {
            if self.full() {
                break;
            }
            let mut one = Self { text: String::new() };
            one.value(element.value, depth);
            match &mut before {
                Some((text, count)) if *text == one.text => *count = count.saturating_add(1),
                Some(_) | None => {
                    if let Some(done) = before.replace((one.text, 1)) {
                        self.counted(separator, &done);
                        separator = ", ";
                    }
                }
            }
        }
        if let Some(done) = before {
            self.counted(separator, &done);
        }
        self.text.push(']');
    }

    fn counted(&mut self, separator: &str, (text, count): &(String, usize)) {
        self.text.push_str(separator);
        self.text.push_str(text);
        if *count > 1 {
            self.text.push_str(&format!(" ×{count}"));
        }
    }
}

enum Nested<'a> {
    Array(Document<'a>),
    Document(Document<'a>),
}
