//! The SFTP protocol as it passes: which files are opened, what is done to them, how much moves and its hash.
//!
//! Only version 3 as OpenSSH speaks it. Bodies of files are hashed as they stream by; other packets are small and
//! looked at whole. A file whose parts do not come in order, or that the node changes by itself while it is open, gets
//! its size but no hash. Requests are told by closed lists: what stands in none of them, and what moves by a handle that
//! is not known, makes the recording a partial one.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::Beyond;
use crate::recording::into_array;

mod change;
mod fields;
use fields::Fields;

/// The largest packet that is looked at whole.
const LARGEST: usize = 256 * 1024;
/// Requests without an answer, or handles open at once, beyond which nothing more is understood.
const MOST: usize = 4096;
/// Files named in the table of contents; of further ones only their notes tell.
const MOST_FILES: usize = 20_000;

/// Bytes of requests whose changes stand in the table of contents; of further ones only their notes tell.
const MOST_CHANGES: usize = 2 * 1024 * 1024;

/// Of an opening: that the file is written.
const WRITES: u32 = 2;

const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const WRITE: u8 = 6;
const HANDLE: u8 = 102;
const DATA: u8 = 103;

/// Reads one connection.
pub(crate) struct Sftp {
    up: Packets,
    down: Packets,
    requests: BTreeMap<u32, Request>,
    handles: BTreeMap<Vec<u8>, OpenFile>,
    files: Vec<Value>,
    changes: Vec<Value>,
    /// Bytes of requests that may still be told of as changes.
    room: usize,
    /// How many files and changes the tables have no room for.
    beyond: Beyond,
    is_lost: bool,
    is_partly: bool,
}

enum Request {
    Open { name: String, writes: bool },
    Read { handle: Vec<u8>, offset: u64 },
}

struct OpenFile {
    name: String,
    writes: bool,
    /// Whether the node copied from it or into it by itself, or cut its length.
    is_changed: bool,
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

impl Default for Sftp {
    fn default() -> Self {
        Self {
            up: Packets::default(),
            down: Packets::default(),
            requests: BTreeMap::new(),
            handles: BTreeMap::new(),
            files: Vec::new(),
            changes: Vec::new(),
            room: MOST_CHANGES,
            beyond: Beyond::default(),
            is_lost: false,
            is_partly: false,
        }
    }
}

impl Sftp {
    pub(super) const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Whether something was asked for that is not understood, or moved that is not known whose it was.
    pub(super) const fn is_partly(&self) -> bool {
        self.is_partly || self.is_lost
    }

    /// How much the tables of files and changes leave out.
    pub(super) const fn beyond(&self) -> Beyond {
        self.beyond
    }

    /// What was changed on the node, at the end.
    pub(super) fn changes(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.changes)
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
            (true, kind) => self.change(kind, &mut fields),
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
        let writes = flags & WRITES != 0;
        self.requests.insert(id, Request::Open { name: name.clone(), writes });
        Some(vec![json!({ "open": name, "write": writes })])
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
            Some(Request::Open { .. }) | None => self.begin(Vec::new(), 0, length, false),
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
        // Handles can be guessed, and used before the answer that names them.
        self.is_partly |= known.is_none();
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
        if let Some(Request::Open { name, writes }) = self.requests.remove(&id) {
            let (to_node, from_node) = (Moved::default(), Moved::default());
            let file = OpenFile { name, writes, is_changed: false, to_node, from_node };
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
        let told = notes.len().min(MOST_FILES.saturating_sub(self.files.len()));
        self.files.extend(notes.iter().take(told).cloned());
        self.beyond.files += notes.len() - told;
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
    /// From now on no hash of it is true.
    fn lose_hashes(&mut self) {
        self.to_node.hash = None;
        self.from_node.hash = None;
    }

    /// What became of it, each direction by itself. A file of which nothing moved is empty, unless the node copied from
    /// it or into it, or cut its length: then it is told of among the changes only.
    fn close(self) -> Vec<Value> {
        let note = |moved: Moved, direction: &str| {
            let sha256 = moved.hash.map(|hash| hex::encode(into_array(&hash.finish())));
            json!({ "file": self.name, "direction": direction, "bytes": moved.bytes, "sha256": sha256 })
        };
        match (self.to_node.bytes, self.from_node.bytes) {
            (0, 0) if self.is_changed => Vec::new(),
            (0, 0) if !self.writes => vec![note(self.from_node, "from node")],
            (_, 0) => vec![note(self.to_node, "to node")],
            (0, _) => vec![note(self.from_node, "from node")],
            _ => vec![note(self.to_node, "to node"), note(self.from_node, "from node")],
        }
    }
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
        assert!(!sftp.is_partly());
        let mut sftp = Sftp::default();
        sftp.up(b"\xff\xff\xff\xff\x03");
        for _ in 0..70 {
            sftp.up(&[0; 4096]);
        }
        assert!(sftp.is_lost());
    }
    /// A connection on which `a` is open to be read as `h0` and `b` to be written as `h1`.
    fn two_open() -> Sftp {
        let id = |number: u32| number.to_be_bytes();
        let mut sftp = Sftp::default();
        for (number, name, handle, flags) in [(0, b"a", b"h0", 1), (1, b"b", b"h1", 0x1a)] {
            sftp.up(&packet(OPEN, &[&id(number), &string(name), &id(flags), &id(0)]));
            sftp.down(&packet(HANDLE, &[&id(number), &string(handle)]));
        }
        sftp
    }

    fn close(sftp: &mut Sftp, handle: &[u8]) -> Vec<Value> {
        sftp.up(&packet(CLOSE, &[&[0; 4], &string(handle)]))
    }

    /// A write of one byte to a handle.
    fn write(sftp: &mut Sftp, handle: &[u8]) {
        sftp.up(&packet(WRITE, &[&[0; 4], &string(handle), &[0; 8], &string(b"x")]));
    }

    #[test]
    fn changes_by_handles_are_told_by_name_and_leave_no_false_hash() {
        let copy = packet(200, &[&[0; 4], &string(b"copy-data"), &string(b"h0"), &[0; 16], &string(b"h1"), &[0; 8]]);
        let size = [&1_u32.to_be_bytes()[..], &7_u64.to_be_bytes()].concat();
        let truncate = packet(10, &[&[0; 4], &string(b"h1"), &size]);
        let truncate_by_path = packet(9, &[&[0; 4], &string(b"./b"), &size]);
        for (request, told) in [
            (copy, json!({ "copy data": ["a", "b"] })),
            (truncate, json!({ "set attributes": ["b"], "size": 7 })),
            (truncate_by_path, json!({ "set attributes": ["./b"], "size": 7 })),
        ] {
            let mut sftp = two_open();
            write(&mut sftp, b"h1");
            assert_eq!(sftp.up(&request), std::slice::from_ref(&told));
            let file = json!({ "file": "b", "direction": "to node", "bytes": 1, "sha256": null });
            assert_eq!(close(&mut sftp, b"h1"), [file]);
            assert_eq!((sftp.changes(), sftp.is_partly()), (vec![told], false));
        }
        let mut sftp = two_open();
        write(&mut sftp, b"h1");
        sftp.up(&packet(10, &[&[0; 4], &string(b"h1"), &[0, 0, 0, 1], &1_u64.to_be_bytes()]));
        assert!(close(&mut sftp, b"h1")[0]["sha256"].is_string(), "cut to the length of what was written");
        let mut sftp = two_open();
        sftp.up(&packet(200, &[&[0; 4], &string(b"copy-data"), &string(b"h0"), &[0; 16], &string(b"h1"), &[0; 8]]));
        assert_eq!([close(&mut sftp, b"h0"), close(&mut sftp, b"h1")].concat(), [] as [Value; 0], "nothing moved here");
        let read = close(&mut two_open(), b"h0");
        assert_eq!((read[0]["direction"].as_str(), read[0]["bytes"].as_u64()), (Some("from node"), Some(0)));
    }

    #[test]
    fn extensions_are_told_or_make_the_recording_a_partial_one() {
        let extension = |name: &str, fields: &[&[u8]]| {
            packet(200, &[&[&[0; 4], &string(name.as_bytes())[..], &fields.concat()].concat()])
        };
        let (a, b) = (string(b"a"), string(b"b"));
        for (request, told) in [
            (extension("posix-rename@openssh.com", &[&a, &b]), Some(json!({ "rename": ["a", "b"] }))),
            (extension("hardlink@openssh.com", &[&a, &b]), Some(json!({ "make hard link": ["a", "b"] }))),
            (extension("lsetstat@openssh.com", &[&a, &[0; 4]]), Some(json!({ "set attributes of link": ["a"] }))),
            (packet(9, &[&[0; 4], &a, &[0; 4]]), Some(json!({ "set attributes": ["a"] }))),
            (extension("statvfs@openssh.com", &[&a]), None),
            (extension("fsync@openssh.com", &[&a]), None),
            (extension("limits@openssh.com", &[]), None),
            (packet(17, &[&[0; 4], &a]), None),
        ] {
            let mut sftp = Sftp::default();
            assert_eq!(sftp.up(&request), Vec::from_iter(told.clone()));
            assert_eq!((sftp.changes(), sftp.is_partly()), (Vec::from_iter(told), false));
        }
        let mut sftp = Sftp::default();
        assert_eq!(sftp.up(&extension("fax@example.com", &[&a])), [json!({ "extension": "fax@example.com" })]);
        assert!(sftp.is_partly() && !sftp.is_lost());
        let mut sftp = Sftp::default();
        sftp.up(&packet(21, &[&[0; 4], &a, &b]));
        assert!(sftp.is_partly(), "a request of another version");
    }

    #[test]
    fn what_moves_by_a_handle_that_was_guessed_makes_the_recording_a_partial_one() {
        for guess in [
            packet(WRITE, &[&[0; 4], &string(b"h0"), &[0; 8], &string(b"x")]),
            packet(10, &[&[0; 4], &string(b"h0"), &[0; 4]]),
            packet(200, &[&[0; 4], &string(b"copy-data"), &string(b"h0"), &[0; 16], &string(b"h1"), &[0; 8]]),
        ] {
            let mut sftp = Sftp::default();
            sftp.up(&guess);
            assert!(sftp.is_partly() && !sftp.is_lost());
        }
    }

    #[test]
    fn changes_without_end_fill_no_memory() {
        let mut sftp = Sftp::default();
        let long = vec![b'x'; 200_000];
        for _ in 0..20 {
            assert_eq!(sftp.up(&packet(13, &[&[0; 4], &string(&long)])).len(), 1, "each is noted");
        }
        assert_eq!(sftp.changes().len(), 10);
        assert_eq!(sftp.beyond(), Beyond { files: 0, changes: 10 }, "and it says where the table stops");
    }
}
