//! Which of a terminal's two screens shows. Full-screen programs draw on the alternate one, and what is written there
//! is gone when it is left: a last word must not be said on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The screen of one terminal, followed by what is shown on it.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    is_alternate: AtomicBool,
    /// INVARIANT: held while one chunk is scanned, never across a wait.
    scan: Mutex<Scan>,
}

/// How much of a control sequence was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Scan {
    #[default]
    Text,
    Escape,
    Bracket,
    /// A private mode: the number that is being read, and whether one before it chooses the screen.
    Mode(u32, bool),
}

impl Screen {
    /// Whether the alternate screen shows.
    pub(crate) fn is_alternate(&self) -> bool {
        self.is_alternate.load(Ordering::Acquire)
    }

    /// Follows what is shown. Sequences may be cut anywhere.
    pub(crate) fn follow(&self, bytes: &[u8]) {
        const ESCAPE: u8 = 0x1b;
        let mut scan = self.scan.lock().unwrap_or_else(PoisonError::into_inner);
        if *scan == Scan::Text && !bytes.contains(&ESCAPE) {
            return;
        }
        for &byte in bytes {
            *scan = match (*scan, byte) {
                (_, ESCAPE) => Scan::Escape,
                (Scan::Escape, b'[') => Scan::Bracket,
                (Scan::Escape, b'c') => self.show(false),
                (Scan::Bracket, b'?') => Scan::Mode(0, false),
                (Scan::Mode(number, chosen), b'0'..=b'9') => {
                    Scan::Mode(number.saturating_mul(10).saturating_add((byte - b'0').into()), chosen)
                }
                (Scan::Mode(number, chosen), b';') => Scan::Mode(0, chosen || is_screen(number)),
                (Scan::Mode(number, chosen), b'h' | b'l') if chosen || is_screen(number) => self.show(byte == b'h'),
                (Scan::Text | Scan::Escape | Scan::Bracket | Scan::Mode(..), _) => Scan::Text,
            };
        }
    }

    fn show(&self, alternate: bool) -> Scan {
        self.is_alternate.store(alternate, Ordering::Release);
        Scan::Text
    }
}

/// Whether a private mode chooses the screen.
const fn is_screen(mode: u32) -> bool {
    matches!(mode, 47 | 1047 | 1049)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alternate_screen_is_known_wherever_its_sequence_is_cut() {
        for (shown, expected) in [
            ("plain", false),
            ("\x1b[?1049h", true),
            ("vi\x1b[?1049h\x1b[22;0;0t\x1b[1;24r\x1b[?25h text", true),
            ("\x1b[?1;1047hx", true),
            ("\x1b[?47;25h", true),
            ("\x1b[?1049h\x1b[?1049l", false),
            ("\x1b[?1049h\x1b[?2004;1049l", false),
            ("\x1b[?1049h\x1bc", false),
            ("\x1b[?1049h\x1b[?25l", true),
            ("\x1b[1049h", false),
            ("\x1b[?2004h", false),
            ("\x1b[?104999999999999h", false),
            ("[?1049h", false),
        ] {
            let whole = Screen::default();
            whole.follow(shown.as_bytes());
            assert_eq!(whole.is_alternate(), expected, "{shown:?}");
            for cut in 0..=shown.len() {
                let (first, second) = shown.as_bytes().split_at(cut);
                let screen = Screen::default();
                screen.follow(first);
                screen.follow(second);
                assert_eq!(screen.is_alternate(), expected, "{shown:?} at {cut}");
            }
        }
    }
}
