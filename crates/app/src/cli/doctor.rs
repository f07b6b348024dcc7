//! `byleave doctor`: what is wrong with an installation, line by line, and what to do about it.
//!
//! It only looks. Without `--data` it looks from outside; with it, also at the data directory, as the administrator.

mod data;
mod recorded;
mod records;
mod server;

use clap::Args;
use serde::Serialize;

use super::Global;
use super::fault::{Exit, Fault, Outcome};

/// What `doctor` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  byleave doctor --data /var/lib/byleave\n  byleave doctor --server https://byleave.example --output json\n\n\
    With --data it also replays every entry of the logs, compares them with the tables, and looks whether the recordings\n\
    are those that the logs name: the newest to the last byte, the others by their table of contents. It changes nothing.\n\
    Exit code 1 if anything is wrong; warnings alone are 0."
)]
pub(crate) struct Doctor {
    /// Read all recordings to the last byte, however long that takes
    #[arg(long)]
    whole: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// As it must be.
    Good,
    /// It works, but somebody should know.
    Warning,
    /// It must not stay so.
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    name: &'static str,
    verdict: Verdict,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, text: text.into(), advice: None }
    }

    fn warning(name: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Warning, text: text.into(), advice: Some(advice.into()) }
    }

    fn wrong(name: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Wrong, text: text.into(), advice: Some(advice.into()) }
    }

    fn line(&self) -> String {
        let mark = match self.verdict {
            Verdict::Good => "good ",
            Verdict::Warning => "look ",
            Verdict::Wrong => "WRONG",
        };
        let advice = self.advice.iter().map(|advice| format!("\n       {advice}"));
        format!("{mark}  {}: {}{}", self.name, self.text, advice.collect::<String>())
    }
}

/// Looks at everything.
pub(super) async fn run(global: &Global, args: &Doctor) -> Outcome<()> {
    let mut findings = Vec::new();
    if let Some(directory) = &global.data {
        findings.extend(data::look(directory));
        findings.extend(records::look(directory, args.whole).await);
    }
    findings.extend(server::look(global).await);
    findings.push(kept());
    let wrong = findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count();
    let all = findings.len();
    global.output.list(findings, |findings| findings.iter().map(|finding| finding.line() + "\n").collect())?;
    match wrong {
        0 => Ok(()),
        count => Err(Fault::new(Exit::Failure, format!("{count} of {all} checks found something wrong"))),
    }
}

/// What this machine keeps of the logs.
fn kept() -> Finding {
    match super::anchors::count() {
        Ok(0) => Finding::good("anchors", "none are kept yet; `grant`, `revoke` and `block` bring them"),
        Ok(count) => Finding::good("anchors", format!("{count} are kept on this machine")),
        Err(error) => {
            Finding::wrong("anchors", format!("{error:#}"), "without them rewritten history goes unseen from here")
        }
    }
}
