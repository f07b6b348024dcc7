//! BSON as it lies on the wire: a view over bytes, read element by element, never decoded into a tree.
//!
//! Why our own walker and not the `bson` crate: of that crate only the raw types could be used (its eager decoding
//! overflows the stack on deep input), they check lazily, and depth, counts, duplicate names and array indexes would
//! still have to be walked here. What is left is a cursor over nine fixed sizes and four length prefixes; that is less
//! than the fifteen packages which the crate would bring, and an auditor reads it once.
//!
//! A [`Document`] promises only that its length fits its bytes; every step of reading can fail and says so. [`check`]
//! walks a whole request before anything else looks at it. Nothing is allocated by a length that a peer sent.

use std::fmt;

/// How deep documents may be nested in a request.
pub const DEPTH: usize = 100;

/// How many elements a request may hold over all its documents.
pub const ELEMENTS: usize = 100_000;

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BsonError {
    /// A boolean that is neither 0 nor 1.
    #[error("a boolean must be 0 or 1")]
    Bool,
    /// More elements than [`ELEMENTS`].
    #[error("a request must hold at most {ELEMENTS} elements")]
    Count,
    /// Nested deeper than [`DEPTH`].
    #[error("documents must be nested at most {DEPTH} deep")]
    Depth,
    /// One name twice in one document, which servers and readers take in different ways.
    #[error("the field `{0}` must not be there twice")]
    Duplicate(String),
    /// An array whose names are not 0, 1, 2 and so on.
    #[error("the elements of an array must be numbered from 0")]
    Index,
    /// A length that does not fit.
    #[error("a length must fit the bytes that follow it")]
    Length,
    /// A type that MongoDB has given up.
    #[error("the field `{0}` has an element type that is obsolete")]
    Obsolete(String),
    /// A request that is longer than one may be.
    #[error("a request must have at most {} bytes", crate::frame::LONGEST_REQUEST)]
    Size,
    /// JavaScript.
    #[error("the field `{0}` must not hold JavaScript")]
    Script(String),
    /// A document that does not end with a zero byte where it says.
    #[error("a document must end with a zero byte")]
    Terminator,
    /// No element type of BSON.
    #[error("the element type {0:#04x} is unknown")]
    Type(u8),
    /// A name or string that is not UTF-8.
    #[error("names and strings must be UTF-8")]
    Utf8,
}

/// A document as bytes: its length fits, its content was not read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    bytes: &'a [u8],
}

/// One element of a document.
#[derive(Clone, Copy, PartialEq)]
pub struct Element<'a> {
    /// The name.
    pub name: &'a str,
    /// The value.
    pub value: Value<'a>,
    /// The whole element as bytes: type, name, value.
    pub raw: &'a [u8],
}

/// A value, by the types that BSON has.
#[derive(Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// An array: a document named 0, 1, 2….
    Array(Document<'a>),
    /// Bytes with their subtype.
    Binary(u8, &'a [u8]),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970.
    DateTime(i64),
    /// A decimal number, not read.
    Decimal(&'a [u8]),
    /// A document.
    Document(Document<'a>),
    /// A binary floating point number.
    Double(f64),
    /// A whole number of 32 bits.
    Int32(i32),
    /// A whole number of 64 bits.
    Int64(i64),
    /// Greater than everything.
    MaxKey,
    /// Less than everything.
    MinKey,
    /// Nothing.
    Null,
    /// The id of an object.
    ObjectId(&'a [u8]),
    /// Undefined, a pointer to a database, or a symbol.
    Obsolete,
    /// A pattern and its options.
    Regex(&'a str, &'a str),
    /// JavaScript, with or without a scope.
    Script,
    /// A text.
    String(&'a str),
    /// MongoDB's internal time stamp.
    Timestamp(u64),
}

impl<'a> Document<'a> {
    /// Takes the whole of `bytes` as one document.
    ///
    /// # Errors
    /// [`BsonError`] if the length does not fit or the last byte is not zero.
    pub fn whole(bytes: &'a [u8]) -> Result<Self, BsonError> {
        let mut reader = Reader { rest: bytes };
        let document = reader.document()?;
        if reader.rest.is_empty() { Ok(document) } else { Err(BsonError::Length) }
    }

    /// Takes the document that `bytes` begin with, and what follows it.
    ///
    /// # Errors
    /// As [`Document::whole`].
    pub fn first(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), BsonError> {
        let mut reader = Reader { rest: bytes };
        let document = reader.document()?;
        Ok((document, reader.rest))
    }

    /// What there is of a document whose rest is missing: its elements can be read up to the first that is not whole.
    pub(crate) const fn begun(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The bytes, length and final zero included.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Reads the elements in their order; nothing comes after an error.
    pub fn elements(self) -> Elements<'a> {
        let inner = self.bytes.get(4..self.bytes.len().saturating_sub(1)).unwrap_or_default();
        Elements { reader: Reader { rest: inner } }
    }

    /// Finds the value of a name: the first, which is the only one in a checked document.
    ///
    /// # Errors
    /// [`BsonError`] if what comes before cannot be read.
    pub fn get(self, name: &str) -> Result<Option<Value<'a>>, BsonError> {
        for element in self.elements() {
            let element = element?;
            if element.name == name {
                return Ok(Some(element.value));
            }
        }
        Ok(None)
    }

    /// The first element.
    ///
    /// # Errors
    /// [`BsonError`] if it cannot be read.
    pub fn head(self) -> Result<Option<Element<'a>>, BsonError> {
        self.elements().next().transpose()
    }
}

impl fmt::Debug for Document<'_> {
    /// Tells the length only: contents are nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", short(self.name), self.value)
    }
}

impl fmt::Debug for Value<'_> {
    /// Tells the type only, as [`Document`] does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.kind())
    }
}

impl<'a> Value<'a> {
    /// A whole number, however it was sent.
    pub fn whole(self) -> Option<i64> {
        // 2^53: up to here every whole number has its own double.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self {
            Self::Int32(number) => Some(i64::from(number)),
            Self::Int64(number) => Some(number),
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the range, as compared before")]
            Self::Double(number) if number.fract() == 0.0 && number.abs() <= EXACT => Some(number as i64),
            Self::Array(_)
            | Self::Binary(..)
            | Self::Bool(_)
            | Self::DateTime(_)
            | Self::Decimal(_)
            | Self::Document(_)
            | Self::Double(_)
            | Self::MaxKey
            | Self::MinKey
            | Self::Null
            | Self::ObjectId(_)
            | Self::Obsolete
            | Self::Regex(..)
            | Self::Script
            | Self::String(_)
            | Self::Timestamp(_) => None,
        }
    }

    /// Yes or no, as a boolean or as 1 or 0.
    pub fn flag(self) -> Option<bool> {
        if let Self::Bool(flag) = self {
            return Some(flag);
        }
        match self.whole() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(_) | None => None,
        }
    }

    /// A whole number of 64 bits, sent as one: an id of a cursor.
    pub const fn long(self) -> Option<i64> {
        if let Self::Int64(number) = self { Some(number) } else { None }
    }

    /// Plain bytes.
    pub const fn bytes(self) -> Option<&'a [u8]> {
        if let Self::Binary(0, bytes) = self { Some(bytes) } else { None }
    }

    /// The text of a string.
    pub const fn text(self) -> Option<&'a str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The document, if it is one; an array is none.
    pub const fn document(self) -> Option<Document<'a>> {
        if let Self::Document(document) = self { Some(document) } else { None }
    }

    /// The elements of an array.
    pub const fn array(self) -> Option<Document<'a>> {
        if let Self::Array(document) = self { Some(document) } else { None }
    }

    /// The name of the type, as in the shape of a filter.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Array(_) => "array",
            Self::Binary(..) => "binData",
            Self::Bool(_) => "bool",
            Self::DateTime(_) => "date",
            Self::Decimal(_) => "decimal",
            Self::Document(_) => "object",
            Self::Double(_) => "double",
            Self::Int32(_) => "int",
            Self::Int64(_) => "long",
            Self::MaxKey => "maxKey",
            Self::MinKey => "minKey",
            Self::Null => "null",
            Self::ObjectId(_) => "objectId",
            Self::Obsolete => "obsolete",
            Self::Regex(..) => "regex",
            Self::Script => "javascript",
            Self::String(_) => "string",
            Self::Timestamp(_) => "timestamp",
        }
    }
}

/// The elements of a document, one by one.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, BsonError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.rest.is_empty() {
            return None;
        }
        let element = self.reader.element();
        if element.is_err() {
            self.reader.rest = &[];
        }
        Some(element)
    }
}

/// Walks a whole request: lengths, types, depth, counts, names, text. What passes can be read without an error.
///
/// # Errors
/// The first [`BsonError`].
pub fn check(document: Document<'_>) -> Result<(), BsonError> {
    let mut budget = ELEMENTS;
    level(document, Layout::Named, DEPTH, &mut budget)
}

#[derive(Clone, Copy)]
enum Layout {
    Named,
    Numbered,
}

/// INVARIANT: recursion is at most [`DEPTH`] deep.
fn level(document: Document<'_>, layout: Layout, depth: usize, budget: &mut usize) -> Result<(), BsonError> {
    let depth = depth.checked_sub(1).ok_or(BsonError::Depth)?;
    let mut names = Vec::new();
    for (index, element) in document.elements().enumerate() {
        let element = element?;
        *budget = budget.checked_sub(1).ok_or(BsonError::Count)?;
        match layout {
            Layout::Named => names.push(element.name),
            Layout::Numbered if numbers(element.name, index) => {}
            Layout::Numbered => return Err(BsonError::Index),
        }
        match element.value {
            Value::Document(inner) => level(inner, Layout::Named, depth, budget)?,
            Value::Array(inner) => level(inner, Layout::Numbered, depth, budget)?,
            Value::Obsolete => return Err(BsonError::Obsolete(short(element.name))),
            Value::Script => return Err(BsonError::Script(short(element.name))),
            Value::Binary(..)
            | Value::Bool(_)
            | Value::DateTime(_)
            | Value::Decimal(_)
            | Value::Double(_)
            | Value::Int32(_)
            | Value::Int64(_)
            | Value::MaxKey
            | Value::MinKey
            | Value::Null
            | Value::ObjectId(_)
            | Value::Regex(..)
            | Value::String(_)
            | Value::Timestamp(_) => {}
        }
    }
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(BsonError::Duplicate(short(pair.first().copied().unwrap_or_default()))),
        None => Ok(()),
    }
}

/// Whether the name is this number in its only spelling.
fn numbers(name: &str, index: usize) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    plain && name.parse() == Ok(index)
}

/// A name for a text: bounded, and without what a terminal would obey.
pub fn short(name: &str) -> String {
    const LONGEST: usize = 64;
    let mut shown: String = name.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[derive(Debug, Clone)]
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], BsonError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BsonError::Length)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BsonError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(BsonError::Length)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A length prefix, which must not be negative.
    fn length(&mut self) -> Result<usize, BsonError> {
        usize::try_from(i32::from_le_bytes(self.array()?)).map_err(|_| BsonError::Length)
    }

    fn cstring(&mut self) -> Result<&'a str, BsonError> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(BsonError::Length)?;
        let text = self.take(end)?;
        self.take(1)?;
        std::str::from_utf8(text).map_err(|_| BsonError::Utf8)
    }

    fn string(&mut self) -> Result<&'a str, BsonError> {
        let length = self.length()?.checked_sub(1).ok_or(BsonError::Length)?;
        let text = self.take(length)?;
        if self.take(1)? != [0] {
            return Err(BsonError::Terminator);
        }
        std::str::from_utf8(text).map_err(|_| BsonError::Utf8)
    }

    fn document(&mut self) -> Result<Document<'a>, BsonError> {
        const SMALLEST: usize = 5;
        let length = Reader { rest: self.rest }.length()?;
        if length < SMALLEST {
            return Err(BsonError::Length);
        }
        let bytes = self.take(length)?;
        if bytes.last() == Some(&0) { Ok(Document { bytes }) } else { Err(BsonError::Terminator) }
    }

    fn binary(&mut self) -> Result<Value<'a>, BsonError> {
        let length = self.length()?;
        let [subtype] = self.array()?;
        let bytes = self.take(length)?;
        // The old subtype says its length twice, and readers believe the one or the other.
        if subtype == 2 && (Reader { rest: bytes }).length()?.checked_add(4) != Some(length) {
            return Err(BsonError::Length);
        }
        Ok(Value::Binary(subtype, bytes))
    }

    /// Steps over JavaScript with a scope, whose first number counts the whole.
    fn scoped_script(&mut self) -> Result<Value<'a>, BsonError> {
        let length = self.length()?.checked_sub(4).ok_or(BsonError::Length)?;
        let mut inner = Reader { rest: self.take(length)? };
        inner.string()?;
        inner.document()?;
        if inner.rest.is_empty() { Ok(Value::Script) } else { Err(BsonError::Length) }
    }

    fn element(&mut self) -> Result<Element<'a>, BsonError> {
        let before = self.rest;
        let [kind] = self.array()?;
        let name = self.cstring()?;
        let value = self.value(kind)?;
        let raw = before.get(..before.len().saturating_sub(self.rest.len())).ok_or(BsonError::Length)?;
        Ok(Element { name, value, raw })
    }

    fn value(&mut self, kind: u8) -> Result<Value<'a>, BsonError> {
        Ok(match kind {
            0x01 => Value::Double(f64::from_le_bytes(self.array()?)),
            0x02 => Value::String(self.string()?),
            0x03 => Value::Document(self.document()?),
            0x04 => Value::Array(self.document()?),
            0x05 => self.binary()?,
            0x06 => Value::Obsolete,
            0x07 => Value::ObjectId(self.take(12)?),
            0x08 => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [_] => return Err(BsonError::Bool),
            },
            0x09 => Value::DateTime(i64::from_le_bytes(self.array()?)),
            0x0a => Value::Null,
            0x0b => Value::Regex(self.cstring()?, self.cstring()?),
            0x0c => {
                self.string()?;
                self.take(12)?;
                Value::Obsolete
            }
            0x0d => {
                self.string()?;
                Value::Script
            }
            0x0e => {
                self.string()?;
                Value::Obsolete
            }
            0x0f => self.scoped_script()?,
            0x10 => Value::Int32(i32::from_le_bytes(self.array()?)),
            0x11 => Value::Timestamp(u64::from_le_bytes(self.array()?)),
            0x12 => Value::Int64(i64::from_le_bytes(self.array()?)),
            0x13 => Value::Decimal(self.take(16)?),
            0x7f => Value::MaxKey,
            0xff => Value::MinKey,
            unknown => return Err(BsonError::Type(unknown)),
        })
    }
}
