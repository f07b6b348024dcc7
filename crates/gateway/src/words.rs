//! The words by which an employee speaks to the customer: `request …`, `requests` and `hand-back`, on the host of a
//! cluster or of anything, open or closed, and `help`, which tells of them. Where a shell is open, a command passes
//! untouched and no word is taken. Who only says one of these has not tried to get in.
//!
//! What is answered must never depend on whether there is such a host: what an employee may know of it is the control's
//! to say, after the customer has spoken.

use std::str::FromStr;

use byleave_core::grant::GrantType;
use byleave_core::name::{CaseNumber, Reason};
use byleave_core::request::Wish;
use byleave_core::time::Ttl;

use crate::channel::{Near, Setup, Start};
use crate::control::{OwnRequest, Reply, SayError, Saying, What};
use crate::relay::Intake;
use crate::session::Session;
use crate::text;

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Something to the customer.
    What(What),
    /// What the words are.
    Help,
    /// A word, and what is wrong with it.
    Wrong(String),
}

/// What the employee reads.
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) status: u32,
}

impl Answer {
    fn said(what: &str) -> Self {
        Self { text: text::line(what), status: 0 }
    }

    fn refused(why: &str) -> Self {
        Self { text: text::line(why), status: text::REFUSED }
    }

    /// Whether it says that nothing came of it.
    pub(crate) const fn is_error(&self) -> bool {
        self.status != 0
    }
}

/// The word of a command line, if it begins with one.
pub(crate) fn said(start: &Start) -> Option<Said> {
    let Start::Command(line) = start else { return None };
    let words: Vec<_> = std::str::from_utf8(line).unwrap_or_default().split_ascii_whitespace().collect();
    Some(match words.split_first()? {
        (&"hand-back", []) => Said::What(What::HandBack),
        (&"help", []) => Said::Help,
        (&"request", options) => wish(options).map_or_else(Said::Wrong, |wish| Said::What(What::Request(wish))),
        (&"requests", []) => Said::What(What::Requests),
        (&word @ ("hand-back" | "help" | "requests"), _) => Said::Wrong(format!("`{word}` takes nothing after it")),
        _ => return None,
    })
}

/// The options of `request`: each takes what stands before the next one, for `ssh` drops the quotes of a reason.
#[derive(Default)]
struct Options<'a>(Vec<(&'a str, String)>);

const OPTIONS: [&str; 4] = ["--for", "--type", "--case", "--reason"];

impl<'a> Options<'a> {
    fn read(words: &[&'a str]) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            if word.starts_with("--") {
                options.begin(word)?;
            } else if let Some((_, value)) = options.0.last_mut() {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(word);
            } else {
                let word = word.escape_debug();
                return Err(format!("`{word}` must follow an option: `request` takes {}", OPTIONS.join(", ")));
            }
        }
        Ok(options)
    }

    fn begin(&mut self, word: &'a str) -> Result<(), String> {
        if !OPTIONS.contains(&word) {
            let word = word.escape_debug();
            return Err(format!("`{word}` is no option of `request`, which takes {}", OPTIONS.join(", ")));
        }
        if self.0.iter().any(|(name, _)| *name == word) {
            return Err(format!("`{word}` must be given once"));
        }
        self.0.push((word, String::new()));
        Ok(())
    }

    /// The value of an option without the quotes that a careful shell leaves around it.
    fn value(&self, name: &str) -> Option<&str> {
        let value = self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())?;
        let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        Some(inner.unwrap_or(value))
    }

    fn take<T: FromStr<Err: ToString>>(&self, name: &str) -> Result<Option<T>, String> {
        let value = self.value(name);
        value.map(|value| value.parse().map_err(|rule: T::Err| format!("`{name}` {}", rule.to_string()))).transpose()
    }
}

fn wish(words: &[&str]) -> Result<Wish, String> {
    let options = Options::read(words)?;
    let missing = |name: &str, what: &str| format!("`{name}` is missing: {what}");
    let kind = match options.value("--type") {
        None | Some("infrastructure") => GrantType::Infrastructure,
        Some("logs") => GrantType::DatabaseLogs,
        Some("sync") => GrantType::InfrastructureAndSyncData,
        Some(_) => return Err("`--type` must be logs, infrastructure or sync".to_owned()),
    };
    Ok(Wish {
        kind,
        ttl: options.take::<Ttl>("--for")?.ok_or_else(|| missing("--for", "how long, such as 4h"))?,
        case: options.take::<CaseNumber>("--case")?,
        reason: options.take::<Reason>("--reason")?.ok_or_else(|| missing("--reason", "why, for the customer"))?,
    })
}

/// Says it to the control, and what came of it. `end` ends a line of a list.
pub(crate) async fn answer(session: &Session, said: Said, end: &str) -> Answer {
    let what = match said {
        Said::What(what) => what,
        Said::Help => return Answer::said(text::HELP),
        Said::Wrong(why) => return Answer::refused(&why),
    };
    let (Some(who), Some(host)) = (session.live.who(), session.host()) else {
        return Answer::refused(text::NOT_OPEN);
    };
    let saying = Saying { session: session.live.id, employee: who.employee, key: who.key, host: host.clone(), what };
    match session.shared.control.say(saying).await {
        Ok(Reply::HandedBack { withdrawn: true }) => Answer::said(text::HANDED_BACK_WITH_REQUEST),
        Ok(Reply::HandedBack { withdrawn: false }) => Answer::said(text::HANDED_BACK),
        Ok(Reply::Requested { replaced: true }) => Answer::said(text::REQUESTED_ANEW),
        Ok(Reply::Requested { replaced: false }) => Answer::said(text::REQUESTED),
        Ok(Reply::Requests(requests)) => Answer { text: lines(&requests, end), status: 0 },
        Err(SayError::Ask(error)) => Answer::refused(&error.to_string()),
        Err(SayError::NotOpen) => Answer::refused(text::NOT_OPEN),
        Err(SayError::Unavailable) => Answer::refused(text::UNHEARD),
    }
}

fn lines(requests: &[OwnRequest], end: &str) -> String {
    let line = |request: &OwnRequest| {
        let kind = match request.kind {
            GrantType::DatabaseLogs => "logs",
            GrantType::Infrastructure => "infrastructure",
            GrantType::InfrastructureAndSyncData => "sync",
        };
        let state = text::state(request.status, request.answer.as_ref());
        let case = request.case.as_ref().map_or("no case".to_owned(), |case| format!("case {case}"));
        let OwnRequest { host, ttl, reason, asked_at, .. } = request;
        let asked_at = asked_at.to_seconds_text();
        format!("{host}\t{kind}\t{ttl}\t{state}\tasked at {asked_at}\t{case}\t{reason}{end}")
    };
    if requests.is_empty() { text::line(text::NO_REQUESTS) } else { requests.iter().map(line).collect() }
}

/// Answers a word on a connection that has no session.
pub(crate) async fn run(near: Near, mut intake: Intake, setup: Setup, said: Said) {
    near.accept().await;
    let end = if setup.terminal.is_some() { "\r\n" } else { "\n" };
    let answer = intake.during(answer(&near.session, said, end)).await;
    let (is_error, bytes) = (answer.is_error(), answer.text.into_bytes());
    let _ = if is_error { near.out.extended_data_bytes(1, bytes).await } else { near.out.data_bytes(bytes).await };
    near.finish(answer.status).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(line: &str) -> Option<Said> {
        said(&Start::Command(line.as_bytes().to_vec()))
    }

    fn asked(line: &str) -> Result<Wish, String> {
        match word(line) {
            Some(Said::What(What::Request(wish))) => Ok(wish),
            Some(Said::Wrong(why)) => Err(why),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn only_exact_words_are_taken() {
        assert_eq!(word("requests"), Some(Said::What(What::Requests)));
        assert_eq!(word("  hand-back "), Some(Said::What(What::HandBack)));
        assert_eq!(word("help"), Some(Said::Help));
        for other in ["", "sh", "request; sh", "requestsx", "REQUESTS", "handback", "logs request", "requst", "helpme"]
        {
            assert_eq!(word(other), None, "{other}");
        }
        for more in ["requests all", "hand-back now", "help me"] {
            assert!(matches!(word(more), Some(Said::Wrong(why)) if why.ends_with("takes nothing after it")), "{more}");
        }
        assert_eq!(said(&Start::Shell), None);
        assert_eq!(said(&Start::Subsystem("requests".to_owned())), None);
        assert_eq!(said(&Start::Command(b"requests \xff".to_vec())), None);
    }

    #[test]
    fn a_request_is_read_with_or_without_quotes() {
        let plain = asked("request --for 4h --type logs --case 00042 --reason the disk is full").unwrap();
        assert_eq!((plain.kind, plain.ttl), (GrantType::DatabaseLogs, "4h".parse().unwrap()));
        assert_eq!(plain.case, Some("00042".parse().unwrap()));
        assert_eq!(plain.reason.as_str(), "the disk is full");
        assert_eq!(asked("request --reason 'the disk is full' --case '00042' --type logs --for 4h"), Ok(plain));
        let short = asked("request --for 90m --reason slow").unwrap();
        assert_eq!((short.kind, short.case), (GrantType::Infrastructure, None));
        let sync = asked("request --for 1h --reason slow --type sync").unwrap();
        assert_eq!(sync.kind, GrantType::InfrastructureAndSyncData);
    }

    #[test]
    fn what_is_wrong_with_a_request_is_told_by_option_and_rule() {
        let long = "x".repeat(501);
        for (options, named) in [
            ("", "`--for` is missing"),
            ("--reason slow", "`--for` is missing"),
            ("--for 4h", "`--reason` is missing"),
            ("--for --reason slow", "`--for` must be a duration such as 24h"),
            ("--for soon --reason slow", "`--for` must be a duration such as 24h"),
            ("--for 0s --reason slow", "`--for` must lie in the future"),
            ("--for 25h --reason slow", "`--for` must be at most 24h"),
            ("--for 4h --reason", "`--reason` must have 1 to 500 characters"),
            (&format!("--for 4h --reason {long}"), "`--reason` must have 1 to 500 characters"),
            ("--for 4h --reason a\u{1b}[2Jb", "`--reason` must have 1 to 500 characters"),
            ("--for 4h --reason slow --case", "`--case` must have 1 to 64 characters"),
            ("--for 4h --reason slow --case a\u{202e}b", "`--case` must have 1 to 64 characters"),
            ("--for 4h --reason slow --type everything", "`--type` must be logs, infrastructure or sync"),
            ("--for 4h --reason slow --for 5h", "`--for` must be given once"),
            ("--for 4h --reason slow --until later", "`--until` is no option of `request`"),
            ("--for=4h --reason slow", "`--for=4h` is no option of `request`"),
            ("--for 4h --reason slow --\u{1b}[2J", "`--\\u{1b}[2J` is no option"),
            ("4h --reason slow", "`4h` must follow an option"),
        ] {
            let why = asked(&format!("request {options}")).unwrap_err();
            assert!(why.starts_with(named), "{options}: {why}");
        }
    }
}
