//! Carries a plan out and takes it back, byte for byte.
//!
//! Before the first change the journal lies on disk with all that was there; a failure in between takes everything
//! back at once. The journal can hold password hashes of the machine, so only root can read it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use serde::{Deserialize, Serialize};

use super::accounts::STATE_DIRECTORY;
use super::plan::{Plan, Run};
use super::rights::Right;
use super::state::{Body, Edit, Root, State};

/// Where the journal lies.
const JOURNAL: &str = "/var/lib/byleave-node/undo.json";

/// All that was changed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Journal {
    edits: Vec<Edit>,
    rights: Vec<Right>,
    runs: Vec<Run>,
}

impl Journal {
    fn read(root: &Root) -> anyhow::Result<Option<Self>> {
        match fs::read(root.at(Path::new(JOURNAL))) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => Ok(Some(serde_json::from_slice(&other?).context("the journal of setup is damaged")?)),
        }
    }

    fn write(&self, root: &Root) -> anyhow::Result<()> {
        let directory = root.at(Path::new(STATE_DIRECTORY));
        fs::create_dir_all(&directory).with_context(|| format!("cannot make `{}`", directory.display()))?;
        State { mode: 0o600, ..State::file(serde_json::to_vec(self)?) }.write(root, Path::new(JOURNAL))
    }

    /// Adds a plan: what was there before the first setup stays what undo leads back to.
    fn add(&mut self, plan: &Plan) {
        for edit in &plan.edits {
            match self.edits.iter_mut().find(|known| known.path == edit.path) {
                Some(known) => known.after = edit.after.clone(),
                None => self.edits.push(edit.clone()),
            }
        }
        self.rights.extend(plan.rights.iter().cloned());
        for run in &plan.runs {
            if !self.runs.contains(run) {
                self.runs.push(run.clone());
            }
        }
    }
}

/// Carries out a plan that sshd has accepted.
///
/// # Errors
/// What went wrong; then nothing of this plan is left.
pub(crate) fn apply(root: &Root, plan: &Plan) -> anyhow::Result<()> {
    let _locked = lock_accounts(root)?;
    let old = Journal::read(root)?;
    let mut journal = Journal::read(root)?.unwrap_or_default();
    let made_here = !root.has(STATE_DIRECTORY);
    journal.add(plan);
    journal.write(root)?;
    let done = carry_out(root, plan);
    if let Err(error) = done {
        for edit in plan.edits.iter().rev() {
            let _as_far_as_possible = take_back(root, edit);
        }
        plan.rights.iter().rev().for_each(|right| drop(right.take_back()));
        for run in &plan.runs {
            let _as_far_as_possible = execute(if old.is_some() { &run.command } else { &run.undo });
        }
        match old {
            Some(old) => old.write(root)?,
            None => remove_journal(root, made_here),
        }
        return Err(error.context("nothing was changed"));
    }
    Ok(())
}

fn carry_out(root: &Root, plan: &Plan) -> anyhow::Result<()> {
    for edit in &plan.edits {
        edit.after.write(root, &edit.path)?;
    }
    for right in &plan.rights {
        right.give(plan.numbers.logs)?;
    }
    plan.runs.iter().try_for_each(|run| execute(&run.command))
}

/// Takes back everything that setup ever did here.
///
/// # Errors
/// If there was no setup, or something could not be put back; the rest is put back all the same.
pub(crate) fn undo(root: &Root) -> anyhow::Result<()> {
    let _locked = lock_accounts(root)?;
    let journal = Journal::read(root)?.context("there is no setup to take back here")?;
    let mut failed = Vec::new();
    let mut note = |result: anyhow::Result<()>| failed.extend(result.err().map(|error| format!("{error:#}")));
    journal.rights.iter().rev().for_each(|right| note(right.take_back()));
    let made = journal.edits.iter().any(|edit| edit.path == Path::new(STATE_DIRECTORY) && edit.before.is_none());
    let inside = |edit: &&Edit| edit.path != Path::new(STATE_DIRECTORY);
    journal.edits.iter().rev().filter(inside).for_each(|edit| note(take_back(root, edit)));
    journal.runs.iter().for_each(|run| note(execute(&run.undo)));
    if failed.is_empty() {
        remove_journal(root, made);
        return Ok(());
    }
    bail!("not everything could be taken back: {}", failed.join("; "))
}

fn remove_journal(root: &Root, and_directory: bool) {
    let _gone = fs::remove_file(root.at(Path::new(JOURNAL)));
    if and_directory {
        let _not_empty = fs::remove_dir(root.at(Path::new(STATE_DIRECTORY)));
    }
}

/// Puts back one path. A file that somebody else changed meanwhile loses only the lines that were ours.
fn take_back(root: &Root, edit: &Edit) -> anyhow::Result<()> {
    let now = State::read(root, &edit.path)?;
    let real = root.at(&edit.path);
    match (&edit.before, now) {
        (None, None) => Ok(()),
        (None, Some(State { body: Body::Directory, .. })) => {
            fs::remove_dir(&real).with_context(|| format!("`{}` is not empty and stays", real.display()))
        }
        (None, Some(_)) => Ok(fs::remove_file(&real)?),
        (Some(before), Some(now)) if now.same(&edit.after) || now.same(before) => before.write(root, &edit.path),
        (Some(before), Some(now)) => without_ours(before, &edit.after, &now)
            .with_context(|| format!("`{}` was changed since and stays", real.display()))?
            .write(root, &edit.path),
        (Some(before), None) => before.write(root, &edit.path),
    }
}

/// What is there now without the lines that only the setup brought.
fn without_ours(before: &State, after: &State, now: &State) -> Option<State> {
    let (Body::File(before), Body::File(after), Body::File(content)) = (&before.body, &after.body, &now.body) else {
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let (before, after, content) = (text(before)?, text(after)?, text(content)?);
    let old: Vec<&str> = before.lines().collect();
    let ours: Vec<&str> = after.lines().filter(|line| !old.contains(line)).collect();
    let kept: String =
        content.split_inclusive('\n').filter(|line| !ours.contains(&line.trim_end_matches('\n'))).collect();
    Some(State { body: Body::File(kept.into_bytes()), ..now.clone() })
}

fn execute(command: &[String]) -> anyhow::Result<()> {
    let [program, arguments @ ..] = command else { return Ok(()) };
    let output =
        crate::node::program(program).args(arguments).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("`{}` failed: {}", command.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Takes the lock by which all programs that change accounts keep out of each other's way.
fn lock_accounts(root: &Root) -> anyhow::Result<Option<fs::File>> {
    if !root.is_system() {
        return Ok(None);
    }
    let path = PathBuf::from("/etc/.pwd.lock");
    let fresh = !path.exists();
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
    let whole = libc::flock { l_type: 1, l_whence: 0, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(&file, FcntlArg::F_SETLK(&whole)).context("somebody else is changing accounts right now; try again")?;
    if fresh {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(Some(file))
}
