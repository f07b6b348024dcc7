//! Writing BSON: a document grows in one buffer, element by element.
//!
//! It must never write a name with a zero byte in it: such a name is cut there, so that it cannot make another element.

use crate::bson::Element;

/// A document being written.
#[derive(Clone)]
pub struct Builder {
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Builder {
    /// Tells the length only: contents are nobody's business in a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Builder({} bytes)", self.bytes.len())
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// An empty document.
    pub fn new() -> Self {
        Self { bytes: vec![0; 4] }
    }

    fn head(&mut self, kind: u8, name: &str) {
        self.bytes.push(kind);
        self.bytes.extend(name.bytes().take_while(|byte| *byte != 0));
        self.bytes.push(0);
    }

    /// Adds a text.
    #[must_use]
    pub fn string(mut self, name: &str, text: &str) -> Self {
        self.head(0x02, name);
        self.bytes.extend(length(text.len().saturating_add(1)));
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
        self
    }

    /// Adds a whole number of 32 bits.
    #[must_use]
    pub fn int32(mut self, name: &str, number: i32) -> Self {
        self.head(0x10, name);
        self.bytes.extend(number.to_le_bytes());
        self
    }

    /// Adds a whole number of 64 bits.
    #[must_use]
    pub fn int64(mut self, name: &str, number: i64) -> Self {
        self.head(0x12, name);
        self.bytes.extend(number.to_le_bytes());
        self
    }

    /// Adds a number of type double, as servers answer `ok`.
    #[must_use]
    pub fn double(mut self, name: &str, number: f64) -> Self {
        self.head(0x01, name);
        self.bytes.extend(number.to_le_bytes());
        self
    }

    /// Adds a boolean.
    #[must_use]
    pub fn flag(mut self, name: &str, flag: bool) -> Self {
        self.head(0x08, name);
        self.bytes.push(u8::from(flag));
        self
    }

    /// Adds an instant, in milliseconds since 1970.
    #[must_use]
    pub fn datetime(mut self, name: &str, at_ms: i64) -> Self {
        self.head(0x09, name);
        self.bytes.extend(at_ms.to_le_bytes());
        self
    }

    /// Adds bytes of a subtype.
    #[must_use]
    pub fn binary(mut self, name: &str, subtype: u8, bytes: &[u8]) -> Self {
        self.head(0x05, name);
        self.bytes.extend(length(bytes.len()));
        self.bytes.push(subtype);
        self.bytes.extend(bytes);
        self
    }

    /// Adds a document.
    #[must_use]
    pub fn document(mut self, name: &str, inner: Self) -> Self {
        self.head(0x03, name);
        self.bytes.extend(inner.finish());
        self
    }

    /// Adds the bytes of a document.
    #[must_use]
    pub fn raw_document(mut self, name: &str, bytes: &[u8]) -> Self {
        self.head(0x03, name);
        self.bytes.extend(bytes);
        self
    }

    /// Adds an array, whose elements have to be named 0, 1, 2….
    #[must_use]
    pub fn array(mut self, name: &str, inner: Self) -> Self {
        self.head(0x04, name);
        self.bytes.extend(inner.finish());
        self
    }

    /// Adds an array of texts.
    #[must_use]
    pub fn strings(self, name: &str, texts: &[&str]) -> Self {
        let inner =
            texts.iter().enumerate().fold(Self::new(), |inner, (index, text)| inner.string(&index.to_string(), text));
        self.array(name, inner)
    }

    /// Adds an array of whole numbers of 64 bits.
    #[must_use]
    pub fn int64s(self, name: &str, numbers: &[i64]) -> Self {
        let numbered = numbers.iter().enumerate();
        let inner = numbered.fold(Self::new(), |inner, (index, number)| inner.int64(&index.to_string(), *number));
        self.array(name, inner)
    }

    /// Copies an element as it is.
    #[must_use]
    pub fn copy(mut self, element: &Element<'_>) -> Self {
        self.bytes.extend(element.raw);
        self
    }

    /// Ends the document.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        let total = length(self.bytes.len());
        if let Some(head) = self.bytes.first_chunk_mut::<4>() {
            *head = total;
        }
        self.bytes
    }
}

/// A length as it lies on the wire. What is longer than 2 GiB cannot be said, and no frame takes it.
pub(crate) fn length(bytes: usize) -> [u8; 4] {
    i32::try_from(bytes).unwrap_or(i32::MAX).to_le_bytes()
}
