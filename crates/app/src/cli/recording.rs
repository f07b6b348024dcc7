//! `byleave sessions recording`: what a session did, as it was recorded. For the organization's and project's owners.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_api::byleave::{Recording, RecordingPart};
use clap::Args;

use super::Caller;
use super::credentials::private_folder;
use super::fault::{Fault, Outcome};
use super::output::bytes;
use super::sign_in::segment;

/// What `sessions recording` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave sessions recording 64ef00aa11bb22cc33dd44ee --to ./recording\n  \
    asciinema play ./recording/…\n\nReading a recording is an event that everybody in the organization sees.")]
pub(crate) struct ReadRecording {
    /// The session's id
    session: String,
    /// The folder to write its parts to; made if it is not there
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// Reads it.
pub(super) async fn run(caller: &Caller, args: ReadRecording) -> Outcome<()> {
    let path = format!("/sessions/{}/recording", segment(&args.session)?);
    let recording: Recording = caller.client.get(&path).await?;
    private_folder(&args.to)?;
    let mut lines = Vec::new();
    for part in &recording.parts {
        let content = STANDARD.decode(&part.content).context("a part of the recording is no base64")?;
        let file = args.to.join(file_name(part)?);
        // Never over a file that is there: it may be another recording.
        let opened = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&file);
        let written = opened.and_then(|mut out| out.write_all(&content).and_then(|()| out.sync_all()));
        written.with_context(|| format!("cannot write `{}`", file.display()))?;
        let size = bytes(i64::try_from(content.len()).unwrap_or(i64::MAX));
        lines.push(format!("{}  {}  {size}\n", file.display(), part.kind));
    }
    let parts: Vec<&str> = recording.parts.iter().map(|part| part.name.as_str()).collect();
    let written = serde_json::json!({ "folder": args.to, "parts": parts });
    let none = "nothing was recorded of this session".to_owned();
    caller.output.print(&written, |_| if lines.is_empty() { none } else { lines.concat() })
}

/// The file for a part. The name comes from the server, and must not lead out of the folder.
fn file_name(part: &RecordingPart) -> Outcome<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if part.name.chars().all(plain) && !part.name.starts_with('.') && !part.name.is_empty() {
        Ok(&part.name)
    } else {
        Err(Fault::from(anyhow::anyhow!("the part `{}` has a name that is no file name", part.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_never_leaves_its_folder() {
        let named = |name: &str| RecordingPart { name: name.into(), kind: "stdout".into(), content: String::new() };
        assert_eq!(file_name(&named("0-shell.cast")).unwrap(), "0-shell.cast");
        for bad in ["", ".", "..", "../x", "/etc/passwd", ".bashrc", "a/b", "a\0b"] {
            assert!(file_name(&named(bad)).is_err(), "{bad}");
        }
    }
}
