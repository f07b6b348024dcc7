//! A terminal's output as asciicast v2: a header line, then one line an event.
//!
//! The format is text, so bytes that end in the middle of a character wait for the rest; they are delivered with it.

use bytes::{Bytes, BytesMut};
use serde_json::json;

/// The header line.
pub(super) fn header(columns: u32, rows: u32, timestamp: i64, term: &str, command: Option<&str>) -> String {
    let mut header = json!({
        "version": 2,
        "width": columns,
        "height": rows,
        "timestamp": timestamp,
        "env": { "TERM": term },
    });
    if let (Some(command), Some(object)) = (command, header.as_object_mut()) {
        object.insert("command".to_owned(), command.into());
    }
    format!("{header}\n")
}

/// A line of output.
pub(super) fn output(millis: i64, bytes: &[u8]) -> String {
    event(millis, "o", &String::from_utf8_lossy(bytes))
}

/// A line of a new size.
pub(super) fn resize(millis: i64, columns: u32, rows: u32) -> String {
    event(millis, "r", &format!("{columns}x{rows}"))
}

fn event(millis: i64, kind: &str, data: &str) -> String {
    format!("[{}.{:03}, \"{kind}\", {}]\n", millis / 1000, millis % 1000, json!(data))
}

/// Cuts a stream where characters end.
#[derive(Debug, Default)]
pub(super) struct Whole(Bytes);

impl Whole {
    /// The bytes up to the end of the last whole character; what follows waits for the next call.
    pub(super) fn next(&mut self, bytes: Bytes) -> Bytes {
        let bytes = if self.0.is_empty() {
            bytes
        } else {
            let mut joined = BytesMut::from(std::mem::take(&mut self.0).as_ref());
            joined.extend_from_slice(&bytes);
            joined.freeze()
        };
        let mut ready = bytes;
        self.0 = ready.split_off(ready.len() - unfinished(&ready));
        ready
    }

    /// What still waits, at the end.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.0)
    }
}

/// How many bytes at the end begin a character that is not finished.
fn unfinished(bytes: &[u8]) -> usize {
    for (back, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        return if back + 1 < length { back + 1 } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_in_two_is_delivered_whole_and_nothing_is_lost() {
        let text = "aä€😀 \u{7f} b".as_bytes();
        for cut in 0..=text.len() {
            let (first, second) = text.split_at(cut);
            let mut whole = Whole::default();
            let one = whole.next(Bytes::copy_from_slice(first));
            assert!(std::str::from_utf8(&one).is_ok(), "{cut}");
            let two = whole.next(Bytes::copy_from_slice(second));
            assert_eq!([one, two, whole.rest()].concat(), text, "{cut}");
        }
        let mut whole = Whole::default();
        assert_eq!(whole.next(Bytes::from_static(b"\xff\xfe\x80\x80\x80\x80")).len(), 6, "no text at all passes");
        assert_eq!(whole.next(Bytes::from_static(b"\xe2\x82")).len(), 0);
        assert_eq!(whole.rest().as_ref(), b"\xe2\x82");
    }

    #[test]
    fn events_are_lines_of_json() {
        assert_eq!(output(1_005, b"a\"\x1b[0m\n"), "[1.005, \"o\", \"a\\\"\\u001b[0m\\n\"]\n");
        assert_eq!(resize(60_000, 80, 24), "[60.000, \"r\", \"80x24\"]\n");
        assert!(header(80, 24, 1, "xterm", Some("top")).ends_with("}\n"));
    }
}
