//! How our code reads: length, headers, clocks, words.

use super::{Finding, Text};

const LONGEST: usize = 500;
const LONGEST_TEST: usize = 800;

/// The one file that may ask the operating system for the time.
const CLOCK: &str = "crates/app/src/clock.rs";
/// The clock of a test whose browser cannot be paused.
const BROWSER_CLOCK: &str = "crates/web/tests/browser/site.rs";

/// What no source may hold, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("todo!(", "finish it, or leave it out"),
    ("unimplemented!(", "finish it, or leave it out"),
    ("dbg!(", "use `tracing`"),
    ("#[ignore", "a test that does not run protects nothing"),
];

/// Calls that read the clock or wait for time.
const CLOCKS: &[&str] = &["SystemTime::now", "Instant::now", "thread::sleep"];

/// Spellings that are not ours, and the word of the glossary.
const WORDS: &[(&str, &str)] = &[
    ("organisation", "organization"),
    ("kill the session", "end (or cut) the session"),
    ("terminate the session", "end (or cut) the session"),
    ("pseudonymous id", "employee identifier"),
    ("support agent", "employee"),
];

/// Checks every source and page.
pub(super) fn check(texts: &[Text]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for text in texts {
        if text.path.ends_with(".sh") {
            findings.push(Finding::at(&text.path, "no shell scripts: developer commands are Rust, in xtask"));
        }
        if text.path.ends_with(".rs") {
            rust(text, &mut findings);
        }
        // This page has to spell what it forbids.
        if !text.path.starts_with("xtask/src/tidy/") && !text.path.ends_with("Cargo.lock") {
            words(text, &mut findings);
        }
    }
    findings
}

fn rust(text: &Text, findings: &mut Vec<Finding>) {
    let limit = if is_test(&text.path) { LONGEST_TEST } else { LONGEST };
    let length = text.content.lines().count();
    if length > limit {
        findings.push(Finding::at(&text.path, format!("{length} lines; the budget is {limit}")));
    }
    if !text.content.starts_with("//!") {
        findings.push(Finding::at(&text.path, "begins without `//!`: say what it is and what it must never do"));
    }
    if text.path.starts_with("xtask/") {
        return;
    }
    let tokio = text.content.lines().any(|line| line.starts_with("use tokio::time::") && line.contains("Instant"));
    for (number, line) in code(&text.content) {
        for (banned, instead) in BANNED.iter().filter(|(banned, _)| line.contains(banned)) {
            findings.push(Finding::line(&text.path, number, format!("`{banned}`: {instead}")));
        }
        if text.path != CLOCK && text.path != BROWSER_CLOCK {
            for call in CLOCKS.iter().filter(|call| asks(line, call) && !(tokio && **call == "Instant::now")) {
                findings.push(Finding::line(&text.path, number, format!("`{call}`: only {CLOCK} asks for the time")));
            }
        }
    }
}

/// Whether a line makes this call. Tokio's own clock is allowed: it can be paused, so tests rule it.
fn asks(line: &str, call: &str) -> bool {
    line.match_indices(call).any(|(at, _)| !line.get(..at).is_some_and(|before| before.ends_with("tokio::time::")))
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

/// The numbered lines that are no comments.
fn code(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = content.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn words(text: &Text, findings: &mut Vec<Finding>) {
    for (index, line) in text.content.lines().enumerate() {
        let line = line.to_lowercase();
        for (wrong, right) in WORDS.iter().filter(|(wrong, _)| line.contains(wrong)) {
            findings.push(Finding::line(&text.path, index + 1, format!("`{wrong}`: our word is `{right}`")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, content: &str) -> Vec<String> {
        let text = Text { path: path.to_owned(), content: content.to_owned() };
        check(&[text]).into_iter().map(|Finding(finding)| finding).collect()
    }

    #[test]
    fn a_file_within_the_rules_is_tidy() {
        assert_eq!(found("crates/core/src/a.rs", "//! What it is.\nfn a() {}\n"), [""; 0]);
    }

    #[test]
    fn length_has_a_budget() {
        let long = format!("//! x\n{}", "fn a() {}\n".repeat(500));
        assert_eq!(found("crates/core/src/a.rs", &long), ["crates/core/src/a.rs: 501 lines; the budget is 500"]);
        assert_eq!(found("crates/core/tests/it/a.rs", &long), [""; 0]);
        assert_eq!(found("crates/core/src/a/tests.rs", &long), [""; 0]);
    }

    #[test]
    fn every_file_says_what_it_is() {
        assert_eq!(found("crates/core/src/a.rs", "fn a() {}\n").len(), 1);
    }

    #[test]
    fn only_the_clock_asks_for_the_time() {
        let line = "//! x\nlet now = std::time::Instant::now();\n";
        assert_eq!(found("crates/store/src/a.rs", line).len(), 1);
        assert_eq!(found(CLOCK, line), [""; 0]);
        assert_eq!(found("xtask/src/a.rs", line), [""; 0]);
        assert_eq!(found("crates/store/src/a.rs", "//! x\nlet now = tokio::time::Instant::now();\n"), [""; 0]);
        let imported = "//! x\nuse tokio::time::{Duration, Instant};\nlet now = Instant::now();\n";
        assert_eq!(found("crates/gateway/src/a.rs", imported), [""; 0]);
        assert_eq!(found("crates/store/src/a.rs", "//! x\n// never SystemTime::now here\n"), [""; 0]);
        assert_eq!(found("crates/store/tests/it/a.rs", "//! x\nstd::thread::sleep(d);\n").len(), 1);
    }

    #[test]
    fn nothing_unfinished_lands() {
        for line in ["todo!()", "unimplemented!()", "dbg!(x)", "#[ignore]", "#[ignore = \"later\"]"] {
            assert_eq!(found("crates/store/src/a.rs", &format!("//! x\n{line}\n")).len(), 1, "{line}");
        }
    }

    #[test]
    fn a_thing_has_one_word() {
        assert_eq!(found("docs/a.md", "An Organisation blocks.\n").len(), 1);
        assert_eq!(found("a.sh", "true\n").len(), 1);
    }
}
