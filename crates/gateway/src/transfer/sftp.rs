//! The SFTP protocol as it passes: which files are opened, what is done to them, how much moves and its hash.
//!
//! Only version 3 as OpenSSH speaks it. Bodies of files are hashed as they stream by; other packets are small and
//! looked at whole. A file whose parts do not come in order gets its size but no hash.

use std::collections::BTreeMap;

use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use crate::recording::into_array;

/// The largest packet that is looked at whole.
const LARGEST: usize = 256 * 1024;
/// Requests without an answer, or handles open at once, beyond which nothing more is understood.
const MOST: usize = 4096;
/// Files named in the table of contents; of further ones only their notes tell.
const MOST_FILES: usize = 20_000;

const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const WRITE: u8 = 6;
const HANDLE: u8 = 102;
const DATA: u8 = 103;

/// Requests that change something, each with its name and how many paths it carries.
const CHANGES: [(u8, &str, usize); 7] = [
    (9, "set attributes", 1),
    (13, "remove", 1),
    (14, "make directory", 1),
    (15, "remove directory", 1),
    (18, "rename", 2),
    (20, "make symbolic link", 2),
    (11, "list directory", 1),
];

/// Reads one connection.
#[derive(Default)]
pub(crate) struct Sftp {
    up: Packets,
    down: Packets,
    requests: BTreeMap<u32, Request>,
    handles: BTreeMap<Vec<u8>, OpenFile>,
    files: Vec<Value>,
    is_lost: bool,
}

enum Request {
    Open(String),
    Read { handle: Vec<u8>, offset: u64 },
}

struct OpenFile {
    name: String,
    to_node: Moved,
    from_node: Moved,
}

/// One direction of a file.
struct Moved {
    bytes: u64,
    next: u64,
    hash: Option<Context>,
}

impl Default for Moved {
    fn default() -> Self {
        Self { bytes: 0, next: 0, hash: Some(Context::new(&SHA256)) }
    }
}

/// Cuts one direction into packets.
#[derive(Default)]
struct Packets {
    /// What has come of the packet that is looked at whole.
    buffer: Vec<u8>,
    /// What is still to come of a file's body, and whose it is; `None` for a body that belongs to nothing known.
    body: Option<(usize, Option<Vec<u8>>)>,
}

impl Sftp {
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn up(&mut self, bytes: &[u8]) -> Vec<Value> {
        self.take(bytes, true)
    }

    pub(super) fn down(&mut self, bytes: &[u8]) -> Vec<Value> {
        self.take(bytes, false)
    }

    fn take(&mut self, mut bytes: &[u8], is_up: bool) -> Vec<Value> {
        let mut notes = Vec::new();
        while !bytes.is_empty() && !self.is_lost {
            let packets = if is_up { &mut self.up } else { &mut self.down };
            if let Some((left, handle)) = &mut packets.body {
                let (data, rest) = bytes.split_at((*left).min(bytes.len()));
                bytes = rest;
                *left -= data.len();
                let handle = handle.clone();
                if *left == 0 {
                    packets.body = None;
                }
                self.body(handle.as_deref(), data, is_up);
                continue;
            }
            // One byte beyond what the header needs would be the body's: take no more than is known to be needed.
            let needed = needed(&packets.buffer).saturating_sub(packets.buffer.len()).max(1);
            let (data, rest) = bytes.split_at(needed.min(bytes.len()));
            bytes = rest;
            packets.buffer.extend_from_slice(data);
            if packets.buffer.len() > LARGEST {
                self.is_lost = true;
            } else if packets.buffer.len() >= 5 && packets.buffer.len() >= needed_len(&packets.buffer) {
                let packet = std::mem::take(&mut packets.buffer);
                notes.extend(self.packet(&packet, is_up));
            }
        }
        if self.requests.len() > MOST || self.handles.len() > MOST {
            self.is_lost = true;
        }
        notes
    }

    /// Takes a packet, or the head of one that carries a body.
    fn packet(&mut self, packet: &[u8], is_up: bool) -> Vec<Value> {
        let mut fields = Fields(packet.get(4..).unwrap_or_default());
        let Some(kind) = fields.byte() else { return Vec::new() };
        let read = match (is_up, kind) {
            (true, OPEN) => self.open(&mut fields),
            (true, CLOSE) => self.close(&mut fields),
            (true, READ) => self.read(&mut fields),
            (true, WRITE) => self.write(&mut fields),
            (true, kind) => Some(change(kind, &mut fields).into_iter().collect()),
            (false, HANDLE) => self.handle(&mut fields),
            (false, DATA) => self.data(&mut fields),
            (false, _) => self.answer(kind, &mut fields),
        };
        read.unwrap_or_else(|| {
            self.is_lost = true;
            Vec::new()
        })
    }

    fn open(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let (id, name, flags) = (fields.number()?, fields.text()?, fields.number()?);
        self.requests.insert(id, Request::Open(name.clone()));
        Some(vec![json!({ "open": name, "write": flags & 2 != 0 })])
    }

    fn read(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let (id, handle, offset) = (fields.number()?, fields.string()?.to_vec(), fields.long()?);
        self.requests.insert(id, Request::Read { handle, offset });
        Some(Vec::new())
    }

    fn write(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let (_, handle, offset, length) = (fields.number()?, fields.string()?, fields.long()?, fields.number()?);
        self.begin(handle.to_vec(), offset, length, true)
    }

    fn data(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let (id, length) = (fields.number()?, fields.number()?);
        match self.requests.remove(&id) {
            Some(Request::Read { handle, offset }) => self.begin(handle, offset, length, false),
            Some(Request::Open(_)) | None => self.begin(Vec::new(), 0, length, false),
        }
    }

    /// Begins the body of a write or of an answer to a read.
    fn begin(&mut self, handle: Vec<u8>, offset: u64, length: u32, is_up: bool) -> Option<Vec<Value>> {
        let length = usize::try_from(length).ok()?;
        if let Some(file) = self.handles.get_mut(&handle) {
            let moved = if is_up { &mut file.to_node } else { &mut file.from_node };
            if moved.next != offset {
                moved.hash = None;
            }
            moved.next = offset.checked_add(length as u64)?;
        }
        let packets = if is_up { &mut self.up } else { &mut self.down };
        let known = self.handles.contains_key(&handle).then_some(handle);
        packets.body = (length > 0).then_some((length, known));
        Some(Vec::new())
    }

    fn body(&mut self, handle: Option<&[u8]>, data: &[u8], is_up: bool) {
        if let Some(file) = handle.and_then(|handle| self.handles.get_mut(handle)) {
            let moved = if is_up { &mut file.to_node } else { &mut file.from_node };
            moved.bytes += data.len() as u64;
            if let Some(hash) = &mut moved.hash {
                hash.update(data);
            }
        }
    }

    fn handle(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let (id, handle) = (fields.number()?, fields.string()?.to_vec());
        if let Some(Request::Open(name)) = self.requests.remove(&id) {
            let file = OpenFile { name, to_node: Moved::default(), from_node: Moved::default() };
            self.handles.insert(handle, file);
        }
        Some(Vec::new())
    }

    /// Any other answer ends its request. The version has none.
    fn answer(&mut self, kind: u8, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        if kind != 2 {
            self.requests.remove(&fields.number()?);
        }
        Some(Vec::new())
    }

    fn close(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let (_, handle) = (fields.number()?, fields.string()?);
        let notes = self.handles.remove(handle).map(OpenFile::close).unwrap_or_default();
        self.files.extend(notes.iter().take(MOST_FILES.saturating_sub(self.files.len())).cloned());
        Some(notes)
    }

    pub(super) fn finish(&mut self) -> Vec<Value> {
        let open = std::mem::take(&mut self.handles);
        let mut files = std::mem::take(&mut self.files);
        for file in open.into_values() {
            files.extend(file.close().into_iter().map(|mut note| {
                if let Some(object) = note.as_object_mut() {
                    object.insert("incomplete".to_owned(), true.into());
                }
                note
            }));
        }
        files
    }
}

impl OpenFile {
    /// What became of it, each direction by itself; a file that was only opened is empty.
    fn close(self) -> Vec<Value> {
        let note = |moved: Moved, direction: &str| {
            let sha256 = moved.hash.map(|hash| hex::encode(into_array(&hash.finish())));
            json!({ "file": self.name, "direction": direction, "bytes": moved.bytes, "sha256": sha256 })
        };
        match (self.to_node.bytes, self.from_node.bytes) {
            (_, 0) => vec![note(self.to_node, "to node")],
            (0, _) => vec![note(self.from_node, "from node")],
            _ => vec![note(self.to_node, "to node"), note(self.from_node, "from node")],
        }
    }
}

/// A request that changes or lists something.
fn change(kind: u8, fields: &mut Fields<'_>) -> Option<Value> {
    let (_, name, paths) = CHANGES.iter().find(|(known, ..)| *known == kind)?;
    fields.number()?;
    let paths: Option<Vec<_>> = (0..*paths).map(|_| fields.text()).collect();
    Some(json!({ *name: paths? }))
}

/// How many bytes of a packet have to be seen at once, as far as `head` tells.
fn needed_len(head: &[u8]) -> usize {
    let mut fields = Fields(head);
    let (Some(length), Some(kind)) = (fields.number(), fields.byte()) else { return 5 };
    let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(4);
    match kind {
        DATA => whole.min(4 + 1 + 4 + 4),
        WRITE => {
            let handle = Fields(head.get(9..).unwrap_or_default()).number().unwrap_or(0);
            let handle = usize::try_from(handle).unwrap_or(usize::MAX);
            whole.min(if head.len() < 13 { 13 } else { handle.saturating_add(4 + 1 + 4 + 4 + 8 + 4) })
        }
        _ => whole,
    }
}

fn needed(head: &[u8]) -> usize {
    needed_len(head).min(LARGEST + 1)
}

/// The fields of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn string(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.string()?).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
        let body: Vec<u8> = fields.concat();
        let length = u32::try_from(body.len() + 1).unwrap();
        [&length.to_be_bytes()[..], &[kind], &body].concat()
    }

    fn string(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
    }

    #[test]
    fn files_are_read_however_the_bytes_are_cut() {
        let id = |number: u32| number.to_be_bytes();
        let put = [
            packet(1, &[&3_u32.to_be_bytes()]),
            packet(OPEN, &[&id(1), &string(b"/tmp/f"), &0x1a_u32.to_be_bytes(), &0_u32.to_be_bytes()]),
        ]
        .concat();
        let opened = [packet(2, &[&3_u32.to_be_bytes()]), packet(HANDLE, &[&id(1), &string(b"h0")])].concat();
        let write = [
            packet(WRITE, &[&id(2), &string(b"h0"), &0_u64.to_be_bytes(), &string(b"hel")]),
            packet(WRITE, &[&id(3), &string(b"h0"), &3_u64.to_be_bytes(), &string(b"lo")]),
            packet(READ, &[&id(4), &string(b"h0"), &0_u64.to_be_bytes(), &99_u32.to_be_bytes()]),
        ]
        .concat();
        let read = [packet(101, &[&id(2), &id(0)]), packet(DATA, &[&id(4), &string(b"hello")])].concat();
        let close =
            [packet(18, &[&id(9), &string(b"a"), &string(b"b")]), packet(CLOSE, &[&id(5), &string(b"h0")])].concat();
        for step in 1..40 {
            let mut sftp = Sftp::default();
            let mut notes: Vec<Value> = Vec::new();
            for (bytes, is_up) in [(&put, true), (&opened, false), (&write, true), (&read, false), (&close, true)] {
                for chunk in bytes.chunks(step) {
                    notes.extend(sftp.take(chunk, is_up));
                }
            }
            assert!(!sftp.is_lost(), "{step}");
            let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
            assert_eq!(notes[0], json!({"open": "/tmp/f", "write": true}));
            assert_eq!(notes[1], json!({"rename": ["a", "b"]}));
            assert_eq!(sftp.finish().len(), 2);
            for (note, way) in notes[2..].iter().zip(["to node", "from node"]) {
                assert_eq!(*note, json!({"file": "/tmp/f", "direction": way, "bytes": 5, "sha256": hash}), "{step}");
            }
        }
    }

    #[test]
    fn parts_out_of_order_have_no_hash_and_nonsense_is_lost() {
        let id = |number: u32| number.to_be_bytes();
        let mut sftp = Sftp::default();
        sftp.up(&packet(OPEN, &[&id(1), &string(b"f"), &id(2), &id(0)]));
        sftp.down(&packet(HANDLE, &[&id(1), &string(b"h")]));
        sftp.up(&packet(WRITE, &[&id(2), &string(b"h"), &7_u64.to_be_bytes(), &string(b"x")]));
        let files = sftp.finish();
        assert_eq!(files[0]["sha256"], Value::Null);
        assert_eq!(files[0]["incomplete"], true);
        let mut sftp = Sftp::default();
        sftp.up(b"\xff\xff\xff\xff\x03");
        for _ in 0..70 {
            sftp.up(&[0; 4096]);
        }
        assert!(sftp.is_lost());
    }
}
