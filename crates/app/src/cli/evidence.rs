//! `byleave evidence`: what a customer exports, and checks without trusting the server.
//!
//! Verifying needs no server: a file, the log's key, and the anchors kept from earlier answers.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use byleave_log::anchor::Anchor;
use byleave_log::bundle::{Bundle, Rights};
use byleave_log::key::VerifyingKey;
use byleave_log::verify::Verdict;
use clap::{Args, Subcommand};
use reqwest::Method;

use super::Caller;
use super::client::Request;
use super::fault::{Exit, Fault, Outcome};
use super::output::{self, Output};

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the organization's whole log with its proofs to a file
    #[command(after_help = "Example:\n  byleave evidence export --to evidence.json\n\n\
        An earlier export can prove what a later one no longer shows, so a file that is there is not overwritten.")]
    Export {
        /// The file; standard output if none, or for `-`
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Overwrite the file if it is there
        #[arg(long, requires = "to")]
        force: bool,
    },
    /// Print the key of the server's logs; keep it where the vendor cannot change it
    #[command(after_help = "Example:\n  byleave evidence key > byleave.vkey")]
    Key,
    /// Verify an exported file without a server
    Verify(Verify),
}

/// What `verify` takes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  byleave evidence verify evidence.json --key byleave.vkey\n  \
    byleave evidence verify evidence.json --key byleave.vkey --anchor ~/.local/share/byleave/anchors.jsonl\n\n\
    Finds changed, dropped, reordered and unauthorised entries, and against anchors also truncation and another history.\n\
    Without --anchor nobody can tell whether entries were cut off at the end. An owner's export hides nothing; --whole\n\
    holds one to that, whatever it says of itself.\n\
    Without --key a file can only be consistent with itself: whoever made it may have made all of it.\n\
    Exit code 0 only for `verified`.")]
pub(crate) struct Verify {
    /// The exported file
    file: PathBuf,
    /// The log's key, or a file with it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file with anchors, one JSON object a line; may be given several times
    #[arg(long = "anchor", value_name = "FILE")]
    anchors: Vec<PathBuf>,
    /// Take no hidden entry: for who may see the whole organization
    #[arg(long)]
    whole: bool,
}

/// Runs one that needs a server.
pub(super) async fn run(caller: &Caller, command: Command) -> Outcome<()> {
    match command {
        Command::Export { to, force } => {
            let there = if force { There::Overwrite } else { There::Refuse };
            // Whoever wants a file of this name can say `./-`.
            let to = to.filter(|file| file != Path::new("-"));
            export(caller, to.as_deref(), there).await
        }
        Command::Key => {
            let key = super::anchors::fetch_key(&caller.client).await?.to_string();
            caller.output.print(&serde_json::json!({ "key": key }), |_| key.clone())
        }
        Command::Verify(args) => verify(caller.output, &args),
    }
}

/// What becomes of a file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    Overwrite,
    Refuse,
}

async fn export(caller: &Caller, to: Option<&Path>, there: There) -> Outcome<()> {
    if let Some(file) = to.filter(|file| there == There::Refuse && file.is_file()) {
        return Err(taken(file));
    }
    let path = format!("{}/organizations/{}/evidence", byleave_api::path::BYLEAVE, caller.organization().await?);
    let request = Request { method: Method::GET, path, accept: "application/json", body: None, tag: None };
    let answer = caller.client.expect(&request).await?;
    match to {
        None => Ok(output::write(&answer.body)?),
        Some(file) => {
            match write(file, &answer.body, there) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(taken(file)),
                written => written.with_context(|| format!("cannot write `{}`", file.display()))?,
            }
            let written = serde_json::json!({ "file": file, "bytes": answer.body.len() });
            caller.output.print(&written, |_| {
                format!(
                    "written to `{0}`; verify it with: byleave evidence verify {0} --key … --anchor …",
                    file.display()
                )
            })
        }
    }
}

fn taken(file: &Path) -> Fault {
    Fault::usage(format!("`{}` is there already, and was not overwritten", file.display()))
        .advise("name another file, or overwrite it with --force")
}

fn write(file: &Path, bytes: &[u8], there: There) -> std::io::Result<()> {
    // What is there and no file is a pipe or a device, which nothing can be lost in.
    let is_stream = file.metadata().is_ok_and(|found| !found.is_file());
    if is_stream {
        return std::fs::File::create(file)?.write_all(bytes);
    }
    match there {
        There::Refuse => {
            let mut out = std::fs::File::create_new(file)?;
            out.write_all(bytes)?;
            out.sync_all()
        }
        // The former file is there until the new one is whole.
        There::Overwrite => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut out = tempfile::NamedTempFile::new_in(folder)?;
            out.write_all(bytes)?;
            out.as_file().sync_all()?;
            out.persist(file).map(drop).map_err(|error| error.error)
        }
    }
}

/// Verifies a file, offline.
pub(super) fn verify(output: Output, args: &Verify) -> Outcome<()> {
    let name = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read `{name}`"))?;
    let mut bundle =
        Bundle::from_json(&text).map_err(|error| Fault::new(Exit::Failure, format!("`{name}` {error}")))?;
    if args.whole {
        bundle.rights = Some(Rights::Whole);
    }
    let key = args.key.as_deref().map(key).transpose()?;
    let anchors = args.anchors.iter().map(|file| anchors(file)).collect::<Outcome<Vec<_>>>()?.concat();
    let report = byleave_log::verify::verify(&bundle, key.as_ref(), &anchors);
    output.print(&report, ToString::to_string)?;
    match report.verdict {
        Verdict::Verified => Ok(()),
        // Scripts must not take for proof what anybody could have made.
        Verdict::NotAuthenticated => Err(Fault::new(Exit::Failure, "without the log's key the file proves nothing")
            .advise("give --key, as you kept it from `byleave evidence key` or as the vendor publishes it")),
        Verdict::Failed => Err(Fault::new(Exit::Failure, format!("`{name}` is not the whole truth"))
            .advise("keep the file and your anchors, and ask the vendor about each line that says `wrong`")),
    }
}

/// A key: its text, or a file that holds it.
fn key(text: &str) -> Outcome<VerifyingKey> {
    let file = Path::new(text);
    let read = match file.exists() {
        true => std::fs::read_to_string(file).with_context(|| format!("cannot read `{text}`"))?,
        false => text.to_owned(),
    };
    VerifyingKey::parse(read.trim()).map_err(|error| Fault::usage(format!("--key {error}")))
}

/// The anchors of a file.
fn anchors(file: &Path) -> Outcome<Vec<Anchor>> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{name}`"))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(index, line)| {
        Anchor::from_json(line).map_err(|error| Fault::usage(format!("{name}:{}: {error}", index + 1)))
    });
    let read: Vec<Anchor> = read.collect::<Outcome<_>>()?;
    // What was emptied by accident must not pass for a comparison.
    if read.is_empty() { Err(Fault::usage(format!("--anchor `{name}` holds no anchor"))) } else { Ok(read) }
}
