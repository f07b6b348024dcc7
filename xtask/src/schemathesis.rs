//! Schemathesis, which makes up calls from `/openapi.json`, sound ones and others, and looks whether each answer is one
//! that the document promises.
//!
//! It runs against a real server with the demo's organization, once as its owner with the ids of what is there, and
//! once as the administrator with ids that are made up, too. What is made up is the same each time. A caller who is told
//! 429 gets an answer that is promised, so that being quick fails nobody. One worker each: with more, Python's own
//! parser sometimes breaks.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::bench::http::Owner;
use crate::need;
use crate::step::{self, cargo_in};
use crate::test::binary;

/// The packages, each in one version.
const PACKAGES: &str = "xtask/schemathesis.txt";

/// What every answer is looked at for.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,negative_data_rejection";

/// How many calls each operation gets besides those that reach each rule of its description.
const EXAMPLES: &str = "2";

/// How long a run may take; it takes about a minute.
const LONGEST: Duration = Duration::from_secs(600);

/// Operations that are left out, and why.
const LEFT_OUT: &[&str] = &[
    // It never ends by itself; it has tests of its own.
    "/api/byleave/v1/organizations/{orgId}/events/stream",
];

/// Builds Byleave first, then runs it.
///
/// # Errors
/// As [`run`], or if Byleave cannot be built.
pub(crate) fn build_and_run(root: &Path) -> Result<()> {
    need::ensure(&[need::DEMO, need::TEST])?;
    need::ensure_python_environments()?;
    step::must(&mut cargo_in(root, &["build", "--locked", "-p", "byleave-app"]))?;
    run(root, &binary(root))
}

/// Runs it.
///
/// # Errors
/// If it cannot be installed, or found something.
pub(crate) fn run(root: &Path, byleave: &Path) -> Result<()> {
    let program = install(root)?;
    let server = Server::start(byleave)?;
    // Both at once: most of the time goes into making calls up.
    let owner = server.try_as(&program, "owner", &server.owner()?, &server.known()?)?;
    let administrator = server.try_as(&program, "administrator", &server.administrator()?, "")?;
    let failed: Vec<&str> = [owner, administrator].into_iter().filter_map(Trial::end).collect();
    if failed.is_empty() { Ok(()) } else { bail!("something was found as {}", failed.join(" and ")) }
}

/// A run as somebody.
struct Trial {
    who: &'static str,
    child: Child,
    said: PathBuf,
}

impl Trial {
    /// Waits for the end and shows what was said; answers who, if something was found.
    fn end(mut self) -> Option<&'static str> {
        let ended = step::wait_until(LONGEST, || self.child.try_wait().is_ok_and(|status| status.is_some()));
        if !ended {
            eprintln!("as {}: not done after {} s", self.who, LONGEST.as_secs());
            let _ = self.child.kill();
        }
        let passed = self.child.wait().is_ok_and(|status| status.success());
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        let shown = match said.split_once("= SUMMARY =") {
            Some((_, summary)) if passed => summary,
            Some(_) | None => &said,
        };
        eprintln!("as {}: {shown}", self.who);
        (!passed).then_some(self.who)
    }
}

/// A demo without its story.
struct Server {
    child: Child,
    facts: Value,
    folder: TempDir,
}

impl Server {
    fn start(byleave: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("byleave-schemathesis-").tempdir()?;
        let log = folder.path().join("log");
        let mut child = Command::new(byleave)
            .args(["demo", "--no-story", "--output", "json", "--data"])
            .arg(folder.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| format!("cannot start {}", byleave.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the demo has no output")?).read_line(&mut line)?;
        let facts = serde_json::from_str(&line);
        let server = Self { child, facts: facts.unwrap_or_default(), folder };
        if server.facts.is_null() {
            bail!("the demo did not start: {line}{}", fs::read_to_string(log)?);
        }
        Ok(server)
    }

    fn fact(&self, name: &str) -> Result<&str> {
        self.facts.get(name).and_then(Value::as_str).with_context(|| format!("the demo names no {name}"))
    }

    fn owner(&self) -> Result<String> {
        Owner::of(&self.facts)?.sign_in()
    }

    fn administrator(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("data/data/admin.token"))?.trim().to_owned())
    }

    /// The ids of what is there, as parameters for every call that has them.
    fn known(&self) -> Result<String> {
        let (organization, project, cluster) = (self.fact("orgId")?, self.fact("groupId")?, self.fact("cluster")?);
        // Signing out would end the run as this caller: the other one tries it.
        Ok(format!(
            "[parameters]\norgId = \"{organization}\"\ngroupId = \"{project}\"\nclusterName = \"{cluster}\"\n\
             [[operations]]\ninclude-operation-id = \"deleteByleaveSession\"\nenabled = false\n"
        ))
    }

    fn try_as(&self, program: &Path, who: &'static str, token: &str, settings: &str) -> Result<Trial> {
        let place = self.folder.path().join(who);
        fs::create_dir(&place)?;
        let (config, said) = (place.join("schemathesis.toml"), place.join("said"));
        fs::write(&config, settings)?;
        let out = fs::File::create(&said)?;
        let mut command = Command::new(program);
        command.current_dir(&place).arg("--no-color").arg("--config-file").arg(&config);
        command.arg("run").arg(format!("{}/openapi.json", self.fact("url")?));
        command.args(["--checks", CHECKS, "--warnings", "off", "--continue-on-failure", "--request-timeout", "20"]);
        command.args(["--phases", "coverage,fuzzing", "--max-examples", EXAMPLES, "--generation-deterministic"]);
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
        command.args(["--header", "Accept: application/vnd.atlas.2025-03-12+json"]);
        for path in LEFT_OUT {
            command.args(["--exclude-path", path]);
        }
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        Ok(Trial { who, child: command.spawn().context("schemathesis cannot be started")?, said })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The demo ends with its standard input, and takes its node along.
        drop(self.child.stdin.take());
        let ended =
            step::wait_until(Duration::from_secs(10), || self.child.try_wait().is_ok_and(|done| done.is_some()));
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Puts the packages into a place of their own below the build's, once for each list of them.
fn install(root: &Path) -> Result<PathBuf> {
    let list = root.join(PACKAGES);
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let (place, wanted) = (target.join("schemathesis"), fs::read_to_string(&list)?);
    let (program, stamp) = (place.join("bin/st"), place.join("packages.txt"));
    if program.is_file() && fs::read_to_string(&stamp).is_ok_and(|known| known == wanted) {
        return Ok(program);
    }
    eprintln!("installing schemathesis");
    step::must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
    step::must(Command::new(place.join("bin/python")).args(pip).arg("--requirement").arg(&list))?;
    fs::write(stamp, wanted)?;
    Ok(program)
}
