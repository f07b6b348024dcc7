//! The old copy protocol of `scp -O`: one side sends control lines and files, the other answers with single bytes.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Value, json};

use crate::recording::into_array;

/// A control line longer than this is none.
const LONGEST_LINE: usize = 8192;

/// Which way the files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `scp -f`: from the node.
    Get,
    /// `scp -t`: to the node.
    Put,
}

/// Reads one transfer.
pub(crate) struct Scp {
    way: Way,
    state: State,
    directories: Vec<String>,
    files: Vec<Value>,
}

enum State {
    /// Within a control line.
    Line(Vec<u8>),
    /// Within a file.
    File { name: String, size: u64, left: u64, hash: Box<Context> },
    /// At the byte that says how the file went.
    Status,
    /// The protocol was not kept.
    Lost,
}

impl Scp {
    /// The transfer of these arguments: exactly those that `scp` itself gives.
    pub(super) fn of_arguments<'a>(arguments: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut way = None;
        let mut arguments = arguments.peekable();
        while let Some(flag) = arguments.next_if(|argument| argument.starts_with('-')) {
            match flag {
                "-f" if way.is_none() => way = Some(Way::Get),
                "-t" if way.is_none() => way = Some(Way::Put),
                "-d" | "-p" | "-q" | "-r" | "-v" => {}
                "--" => break,
                _ => return None,
            }
        }
        arguments.next()?;
        Some(Self { way: way?, state: State::Line(Vec::new()), directories: Vec::new(), files: Vec::new() })
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    pub(super) fn up(&mut self, bytes: &[u8]) -> Vec<Value> {
        if self.way == Way::Put { self.take(bytes) } else { Vec::new() }
    }

    pub(super) fn down(&mut self, bytes: &[u8]) -> Vec<Value> {
        if self.way == Way::Get { self.take(bytes) } else { Vec::new() }
    }

    fn take(&mut self, mut bytes: &[u8]) -> Vec<Value> {
        let mut notes = Vec::new();
        while !bytes.is_empty() {
            match &mut self.state {
                State::Lost => break,
                State::Status => {
                    let (status, rest) = bytes.split_at(1);
                    bytes = rest;
                    // Anything but 0 begins a message about what went wrong.
                    self.state = State::Line(if status == [0] { Vec::new() } else { status.to_vec() });
                }
                State::File { left, hash, .. } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                    let (data, rest) = bytes.split_at(length);
                    bytes = rest;
                    hash.update(data);
                    *left -= length as u64;
                    self.end_file(false);
                }
                State::Line(line) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let (data, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                    bytes = rest;
                    line.extend_from_slice(data);
                    if end.is_some() {
                        let line = std::mem::take(line);
                        notes.extend(self.line(&line));
                    } else if line.len() > LONGEST_LINE {
                        self.state = State::Lost;
                    }
                }
            }
        }
        notes
    }

    /// Takes a control line, its end included.
    fn line(&mut self, line: &[u8]) -> Option<Value> {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned();
        // A sender that had nothing to say first may begin with acknowledgements.
        let line = line.trim_start_matches('\0');
        let mut words = line.splitn(3, ' ');
        let (head, size, name) = (words.next().unwrap_or_default(), words.next(), words.next());
        match (head.chars().next(), size.and_then(|size| size.parse::<u64>().ok()), name) {
            (Some('C'), Some(size), Some(name)) => {
                let name = self.path(name);
                let note = json!({ "file": name, "direction": self.direction(), "bytes": size });
                self.state = State::File { name, size, left: size, hash: Box::new(Context::new(&SHA256)) };
                if size == 0 {
                    self.end_file(false);
                }
                Some(note)
            }
            (Some('D'), Some(_), Some(name)) => {
                self.directories.push(name.to_owned());
                None
            }
            (Some('E'), _, _) => {
                self.directories.pop();
                None
            }
            (Some('T' | '\u{1}' | '\u{2}') | None, _, _) => None,
            (Some(_), _, _) => {
                self.state = State::Lost;
                None
            }
        }
    }

    fn path(&self, name: &str) -> String {
        let mut path = self.directories.join("/");
        if !path.is_empty() {
            path.push('/');
        }
        path + name
    }

    const fn direction(&self) -> &'static str {
        match self.way {
            Way::Get => "from node",
            Way::Put => "to node",
        }
    }

    /// Ends the file that is being read, if all of it has come or none will.
    fn end_file(&mut self, is_cut: bool) {
        if !matches!(self.state, State::File { left, .. } if left == 0 || is_cut) {
            return;
        }
        if let State::File { name, size, left, hash } = std::mem::replace(&mut self.state, State::Status) {
            let mut file = json!({ "file": name, "direction": self.direction(), "bytes": size - left });
            if let Some(object) = file.as_object_mut() {
                if left == 0 {
                    object.insert("sha256".to_owned(), hex::encode(into_array(&hash.finish())).into());
                } else {
                    object.insert("incomplete".to_owned(), true.into());
                }
            }
            self.files.push(file);
        }
    }

    pub(super) fn finish(&mut self) -> Vec<Value> {
        self.end_file(true);
        std::mem::take(&mut self.files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_however_the_bytes_are_cut() {
        let stream = b"T1 0 1 0\nD0755 0 dir\nC0644 5 a b\nhello\0C0644 0 empty\n\0E\nC0600 3 last\nxyz\0";
        for step in 1..stream.len() {
            let mut scp = Scp::of_arguments(["-r", "-t", "x"].into_iter()).unwrap();
            let notes: Vec<_> = stream.chunks(step).flat_map(|chunk| scp.up(chunk)).collect();
            assert_eq!(notes.len(), 3, "{step}");
            assert!(scp.down(b"\0\0\0").is_empty());
            let files = scp.finish();
            let names: Vec<_> =
                files.iter().map(|file| (file["file"].as_str().unwrap(), file["bytes"].as_u64())).collect();
            assert_eq!(names, [("dir/a b", Some(5)), ("dir/empty", Some(0)), ("last", Some(3))], "{step}");
            assert_eq!(files[0]["sha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
            assert!(!scp.is_lost());
        }
    }

    #[test]
    fn a_file_cut_short_says_so_and_nonsense_is_lost() {
        let mut scp = Scp::of_arguments(["-f", "x"].into_iter()).unwrap();
        scp.down(b"C0644 5 a\nhe");
        let files = scp.finish();
        assert_eq!((files[0]["bytes"].as_u64(), files[0]["incomplete"].as_bool()), (Some(2), Some(true)));
        let mut scp = Scp::of_arguments(["-f", "x"].into_iter()).unwrap();
        scp.down(b"GET / HTTP/1.1\n");
        assert!(scp.is_lost());
    }
}
