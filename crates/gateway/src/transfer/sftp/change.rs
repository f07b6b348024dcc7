//! What a connection changes on the node beside the bytes that pass: names, attributes, and what the node copies by
//! itself. Told as it was asked for, whatever comes of it.

use serde_json::{Value, json};

use super::fields::Fields;
use super::{OpenFile, Sftp};

const SET_ATTRIBUTES: u8 = 9;
const SET_ATTRIBUTES_OF_OPEN: u8 = 10;
const EXTENDED: u8 = 200;
const LIST: u8 = 11;

/// Requests that change nothing: the version, attributes of a file, of a link and of an open file, more of a directory,
/// the real path, what is at a path, where a link leads.
const HARMLESS: [u8; 7] = [1, 7, 8, 12, 16, 17, 19];

/// Extensions that change nothing.
const HARMLESS_EXTENSIONS: [&[u8]; 7] = [
    b"expand-path@openssh.com",
    b"fstatvfs@openssh.com",
    b"fsync@openssh.com",
    b"home-directory",
    b"limits@openssh.com",
    b"statvfs@openssh.com",
    b"users-groups-by-id@openssh.com",
];

/// Extensions that change something, each with its name and how many paths it carries. `copy-data` goes by handles.
const CHANGING_EXTENSIONS: [(&[u8], &str, usize); 3] = [
    (b"hardlink@openssh.com", "make hard link", 2),
    (b"lsetstat@openssh.com", "set attributes of link", 1),
    (b"posix-rename@openssh.com", "rename", 2),
];

/// Requests that change something, each with its name and how many paths it carries.
const CHANGES: [(u8, &str, usize); 5] = [
    (13, "remove", 1),
    (14, "make directory", 1),
    (15, "remove directory", 1),
    (18, "rename", 2),
    (20, "make symbolic link", 2),
];

impl Sftp {
    /// Any other request: what it changes is told, what is not understood makes the recording a partial one.
    pub(super) fn change(&mut self, kind: u8, fields: &mut Fields<'_>) -> Option<Vec<Value>> {
        let length = fields.0.len();
        fields.number()?;
        let change = match kind {
            // Changes nothing, and a tree of directories is long: only its note tells.
            LIST => return Some(vec![json!({ "list directory": fields.texts(1)? })]),
            SET_ATTRIBUTES => Some(self.set_attributes(fields)?),
            SET_ATTRIBUTES_OF_OPEN => Some(self.set_attributes_of_open(fields)?),
            EXTENDED => self.extended(fields)?,
            kind => match CHANGES.iter().find(|(known, ..)| *known == kind) {
                Some((_, name, paths)) => Some(json!({ *name: fields.texts(*paths)? })),
                None => {
                    self.is_partly |= !HARMLESS.contains(&kind);
                    None
                }
            },
        };
        match (&change, self.room.checked_sub(length)) {
            (Some(change), Some(room)) => {
                self.room = room;
                self.changes.push(change.clone());
            }
            (Some(_), None) => self.beyond.changes += 1,
            (None, _) => {}
        }
        Some(change.into_iter().collect())
    }

    /// Attributes set by path: the length of any open file may be among them.
    fn set_attributes(&mut self, fields: &mut Fields<'_>) -> Option<Value> {
        let path = fields.text()?;
        let size = fields.size()?;
        if size.is_some() {
            self.handles.values_mut().for_each(OpenFile::lose_hashes);
        }
        Some(with_size(json!({ "set attributes": [path] }), size))
    }

    fn set_attributes_of_open(&mut self, fields: &mut Fields<'_>) -> Option<Value> {
        let handle = fields.string()?;
        let size = fields.size()?;
        if let (Some(file), Some(size)) = (self.handles.get_mut(handle), size) {
            // `scp` cuts what it wrote to the length of what it wrote: the hash stays true.
            if file.to_node.hash.is_none() || file.to_node.next != size {
                file.is_changed = true;
                file.lose_hashes();
            }
        }
        let name = self.name(handle);
        Some(with_size(json!({ "set attributes": [name] }), size))
    }

    /// The name behind a handle; `null` if it is not known.
    fn name(&mut self, handle: &[u8]) -> Value {
        let name = self.handles.get(handle).map(|file| file.name.clone());
        self.is_partly |= name.is_none();
        name.into()
    }

    /// An extension. One that is not known may do anything.
    fn extended(&mut self, fields: &mut Fields<'_>) -> Option<Option<Value>> {
        let extension = fields.string()?;
        if extension == b"copy-data" {
            return self.copy_data(fields).map(Some);
        }
        if let Some((_, name, paths)) = CHANGING_EXTENSIONS.iter().find(|(known, ..)| *known == extension) {
            return Some(Some(json!({ *name: fields.texts(*paths)? })));
        }
        if HARMLESS_EXTENSIONS.contains(&extension) {
            return Some(None);
        }
        self.is_partly = true;
        Some(Some(json!({ "extension": String::from_utf8_lossy(extension) })))
    }

    /// The node copies from one open file into another by itself: no byte passes here, and no hash of the other is true
    /// any more.
    fn copy_data(&mut self, fields: &mut Fields<'_>) -> Option<Value> {
        let (from, _, _, to) = (fields.string()?, fields.long()?, fields.long()?, fields.string()?);
        for handle in [from, to] {
            if let Some(file) = self.handles.get_mut(handle) {
                file.is_changed = true;
            }
        }
        if let Some(file) = self.handles.get_mut(to) {
            file.lose_hashes();
        }
        Some(json!({ "copy data": [self.name(from), self.name(to)] }))
    }
}

/// A change of attributes with the size that it sets, if it does.
fn with_size(mut change: Value, size: Option<u64>) -> Value {
    if let (Some(change), Some(size)) = (change.as_object_mut(), size) {
        change.insert("size".to_owned(), size.into());
    }
    change
}
