//! Recorded bytes as text that is safe to look at: no control codes, nothing that turns the reading direction, a limit.
//!
//! What is shown may be too much (what a screen overwrote stays), never too little: only what is certainly a control code
//! is left out, so that nobody hides a line from the reader by sending half of one.

use std::borrow::Cow;

/// The longest operating system command (such as a window's title) that is taken for one.
const LONGEST_COMMAND: usize = 256;

/// A text that is shown, and whether it is all there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) text: String,
    pub(super) is_cut: bool,
}

/// What a stream of a command can be shown as; `None` if it is no text.
pub(super) fn stream(content: &[u8], longest: usize) -> Option<Shown> {
    let head = content.get(..longest).unwrap_or(content);
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The limit, or the end of the recording, may have cut a character in two.
        Err(error) if error.valid_up_to() + 4 > head.len() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    if text.contains('\0') {
        return None;
    }
    Some(Shown { text: without_codes(text), is_cut: head.len() < content.len() })
}

/// What a terminal showed, from its asciicast.
pub(super) fn terminal(cast: &[u8], longest: usize) -> Shown {
    let (mut text, mut is_cut) = (String::new(), false);
    let lines = String::from_utf8_lossy(cast);
    for line in lines.lines().skip(1) {
        let Ok((_, kind, data)) = serde_json::from_str::<(f64, Cow<'_, str>, Cow<'_, str>)>(line) else { continue };
        if kind != "o" {
            continue;
        }
        if text.len() + data.len() > longest {
            is_cut = true;
            break;
        }
        text.push_str(&data);
    }
    Shown { text: without_codes(&text), is_cut }
}

/// The text without control codes. Lines end where the terminal's did, also where it would have overwritten them.
fn without_codes(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let tail = rest.get(character.len_utf8()..).unwrap_or_default();
        rest = match character {
            '\u{1b}' => after_escape(tail),
            '\u{9b}' => after_sequence(tail),
            '\r' => {
                let next = tail.trim_start_matches('\r');
                if !next.is_empty() && !next.starts_with('\n') {
                    shown.push('\n');
                }
                next
            }
            '\n' | '\t' => {
                shown.push(character);
                tail
            }
            hidden if hidden.is_control() => tail,
            turning if is_turning(turning) => {
                shown.push(char::REPLACEMENT_CHARACTER);
                tail
            }
            plain => {
                shown.push(plain);
                tail
            }
        };
    }
    shown
}

/// Whether it changes how other characters are ordered or joined, or is not seen at all.
const fn is_turning(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// What follows an escape: a control sequence, a command for the terminal, or a code of one or two characters.
fn after_escape(tail: &str) -> &str {
    let mut characters = tail.chars();
    let next = characters.next();
    let after = characters.as_str();
    match next {
        Some('[') => after_sequence(after),
        Some(']' | 'P' | 'X' | '^' | '_') => after_command(after),
        Some(' '..='/') => after.strip_prefix(|c: char| matches!(c, '0'..='~')).unwrap_or(after),
        Some('0'..='~') => after,
        Some(_) | None => tail,
    }
}

/// What follows a control sequence. One that is not well formed ends where it stops being one.
fn after_sequence(tail: &str) -> &str {
    let rest = tail.trim_start_matches(|c: char| matches!(c, '0'..='?'));
    let rest = rest.trim_start_matches(|c: char| matches!(c, ' '..='/'));
    rest.strip_prefix(|c: char| matches!(c, '@'..='~')).unwrap_or(rest)
}

/// What follows a command for the terminal. One that is not ended in due form is shown, or it would hide what follows.
fn after_command(tail: &str) -> &str {
    let Some(end) = tail.find(|c: char| c.is_control()) else { return tail };
    if end > LONGEST_COMMAND {
        return tail;
    }
    let rest = tail.get(end..).unwrap_or_default();
    rest.strip_prefix('\u{7}').or_else(|| rest.strip_prefix("\u{1b}\\")).unwrap_or(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_codes_are_left_out() {
        for (given, shown) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;a title\u{7}$ ls", "$ ls"),
            ("\u{1b}]8;;https://evil.example\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}(Ba\u{1b}=b\u{1b}7c", "abc"),
            ("\u{1b}[?2004hon\u{9b}31m", "on"),
            ("a\r\nb\r\r\nc", "a\nb\nc"),
            ("10%\r20%\r", "10%\n20%"),
            ("bell\u{7}back\u{8}\u{7f}\u{0}", "bellback"),
            ("tab\tend", "tab\tend"),
            ("äöü 😀", "äöü 😀"),
        ] {
            assert_eq!(without_codes(given), shown, "{given:?}");
        }
    }

    #[test]
    fn half_a_control_code_hides_nothing() {
        for given in [
            "\u{1b}]secret work\r\nrm -rf /\r\n",
            "\u{1b}P1$rm -rf /",
            "\u{1b}]rm -rf /\u{18}",
            "\u{1b}[31;\u{1b}[0mrm -rf /",
            "\u{1b}\nrm -rf /",
            "\u{1b}[\nrm -rf /",
            "\u{1b}",
        ] {
            let shown = without_codes(given);
            assert!(shown.contains("rm -rf /") || given == "\u{1b}", "{given:?}: {shown:?}");
            assert!(!shown.contains('\u{1b}'), "{given:?}: {shown:?}");
        }
        let long = format!("\u{1b}]{}\u{7}", "x".repeat(LONGEST_COMMAND + 1));
        assert_eq!(without_codes(&long).len(), LONGEST_COMMAND + 1);
    }

    #[test]
    fn a_text_never_turns_round_what_stands_beside_it() {
        assert_eq!(without_codes("a\u{202e}b\u{2066}c\u{200b}d"), "a\u{fffd}b\u{fffd}c\u{fffd}d");
    }

    #[test]
    fn a_stream_is_cut_between_characters_and_bytes_are_no_text() {
        let text = "aä".repeat(10);
        let shown = stream(text.as_bytes(), 5).unwrap();
        assert_eq!(shown, Shown { text: "aäa".to_owned(), is_cut: true });
        assert_eq!(stream(b"all", 5), Some(Shown { text: "all".to_owned(), is_cut: false }));
        assert_eq!(stream(b"\x7fELF\x02\x01\x01\x00", 100), None);
        assert_eq!(stream(b"\xff\xfe\x80\x80 bytes and more", 100), None);
    }

    #[test]
    fn a_terminal_is_shown_from_its_cast() {
        let cast =
            "{\"version\":2}\n[0.1,\"o\",\"$ l\\u001b[1\"]\n[0.2,\"r\",\"80x24\"]\n[0.3,\"o\",\"ms\\r\\n\"]\nbroken";
        assert_eq!(terminal(cast.as_bytes(), 100), Shown { text: "$ ls\n".to_owned(), is_cut: false });
        assert_eq!(terminal(cast.as_bytes(), 8).text, "$ l");
        assert!(terminal(cast.as_bytes(), 8).is_cut);
    }
}
