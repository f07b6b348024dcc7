//! The main story, told once with real programs: refused while blocked → grant → in → what the session cannot reach →
//! timer → revoke cuts a live session whose client was stopped → feed → evidence, then one row tampered and named.
//!
//! Each step states what must be true; the first that is not ends the story with an error.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::evidence;
use super::http::text;
use super::installation::{CLUSTER, Installation, NODE};
use super::say::Say;

/// How long any single step may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Tells the story.
///
/// # Errors
/// At the first deviation, saying what was expected.
pub(super) async fn tell(on: &mut Installation, say: &Say) -> anyhow::Result<()> {
    block(on, say).await?;
    refused(on, say).await?;
    checked(on, say).await?;
    grant(on, say).await?;
    inside(on, say).await?;
    walls(on, say).await?;
    timer(on, say).await?;
    cut(on, say).await?;
    feed(on, say).await?;
    evidence::tell(on, say).await
}

async fn block(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Mia, owner of Harbour Books", "block support from our production servers");
    let path = format!("/organizations/{}/settings", on.organization);
    let settings = on.owner.patch(&path, json!({ "restrictEmployeeAccess": true })).await?;
    ensure!(settings.pointer("/restrictEmployeeAccess") == Some(&Value::Bool(true)), "the block is not on: {settings}");
    say.holds("blocked; the change is an entry of the organization's log, and Mia keeps its checkpoint");
    Ok(())
}

async fn refused(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Robin, support engineer", "look at the node");
    let (code, _, told) = ssh(on, say, "uptime").await?;
    ensure!(code != 0 && !told.trim().is_empty(), "ssh should have been refused with a reason, exit {code}: {told}");
    say.heard(&told);
    say.holds("refused, and told why");
    Ok(())
}

/// Has the node checked: without that, a customer who blocks and grants would let nobody in.
///
/// # Errors
/// If the check cannot be made, or does not pass where it should.
pub(super) async fn checked(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("The administrator", "have the gateway try what the node's account can reach");
    let report = on.administrator.post(&format!("/nodes/{}:check", on.node_id), json!({})).await?;
    let passed = report.pointer("/passed").and_then(Value::as_bool).context("the check has no verdict")?;
    if passed {
        say.holds("nothing of the database is open to it; a node without a passing check takes no session here");
        return Ok(());
    }
    ensure!(!on.node.as_root(), "the check of a walled node should pass: {report}");
    say.line("this demo does not run as root, so the account wall cannot be built; the check says so");
    say.chapter("Mia", "accept that risk for this one node");
    on.owner.post(&format!("/nodes/{}:acceptRisk", on.node_id), json!({ "reason": "a demo without root" })).await?;
    say.holds("accepted, as an entry of the log");
    Ok(())
}

async fn grant(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Mia", "grant support access to the infrastructure for 24 hours");
    let path = format!("/groups/{}/clusters/{CLUSTER}:grant", on.project);
    let wanted = json!({
        "grantType": "CLUSTER_INFRASTRUCTURE", "duration": "24h", "case": "HB-1042", "reason": "writes are slow since noon",
    });
    let granted = on.owner.post(&path, wanted).await?;
    let until = text(&granted, "/grant/expiresAt")?;
    say.holds(&format!("granted until {until}, case HB-1042"));
    Ok(())
}

async fn inside(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Robin", "try again, with plain ssh");
    let (code, heard, told) = ssh(on, say, "uname -n; id -un; uptime").await?;
    ensure!(code == 0, "ssh should have come in, exit {code}: {told}");
    say.heard(&heard);
    let (code, heard, told) = ssh(on, say, "exit 7").await?;
    ensure!(code == 7, "the exit status should have been 7, not {code}: {heard}{told}");
    say.holds("in: output, standard error and exit status as if directly connected, and all of it recorded");
    Ok(())
}

async fn walls(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Robin", "see how far that goes");
    for (what, command) in on.node.forbidden() {
        let (code, heard, told) = ssh(on, say, &command).await?;
        ensure!(code != 0, "{what} should have been closed: {heard}{told}");
        say.holds(&format!("{what}: closed"));
    }
    if let Some(why) = on.node.no_firewall() {
        say.line(&format!("the account's network is not closed on this node: {why}"));
    }
    let mut forward = ssh_command(on, &["-L", "0:127.0.0.1:27017", "-W", "127.0.0.1:27017"], "");
    let output = timeout(PATIENCE, forward.stdin(Stdio::null()).output()).await.context("ssh -W hangs")??;
    ensure!(!output.status.success(), "a forwarded port should have been refused");
    say.holds("forwarding a port to the database: refused by the gateway and logged");
    Ok(())
}

async fn timer(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Mia", "how long is the door still open?");
    let cluster = on.owner.get(&format!("/groups/{}/clusters/{CLUSTER}", on.project)).await?;
    let left = cluster.pointer("/grant/remainingMs").and_then(Value::as_i64).context("the cluster shows no timer")?;
    ensure!(left > 0 && left <= byleave_core::time::DAY, "the timer shows {left} ms");
    say.holds(&format!("{} left; every page counts it down by the server's clock", byleave_core::time::Span(left)));
    Ok(())
}

async fn cut(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Robin", "leave something running, and stop the terminal so that it cannot be told anything");
    let command = "nohup setsid sleep 4711 >/dev/null 2>&1 & while :; do echo tick; sleep 0.1; done";
    let mut client =
        ssh_command(on, &[], command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    say.typed(&format!("{} {}", on.ssh_line(), quoted(command)));
    wait_for_line(&mut client, "tick").await?;
    let id = Pid::from_raw(i32::try_from(client.id().context("ssh has ended")?)?);
    kill(id, Signal::SIGSTOP)?;
    say.holds("the session is live, its client stopped");
    say.chapter("Mia", "revoke");
    let before = on.server.cuts();
    let path = format!("/groups/{}/clusters/{CLUSTER}:revoke", on.project);
    on.owner.post(&path, json!({})).await?;
    let delay = timeout(PATIENCE, on.server.next_cut(before)).await.context("the session was not cut")?;
    say.holds(&format!(
        "both connections of the session were dead {:.2} ms after the commit",
        delay.as_secs_f64() * 1e3
    ));
    timeout(PATIENCE, on.node.until_gone("sleep 4711")).await.context("something survived on the node")??;
    say.holds("nothing that the session started is left on the node, nohup and setsid included");
    kill(id, Signal::SIGCONT)?;
    let ended = timeout(PATIENCE, client.wait()).await.context("the client hangs")??;
    ensure!(!ended.success(), "the client should have lost its connection");
    let (code, _, told) = ssh(on, say, "uptime").await?;
    ensure!(code != 0, "after the revoke the door should be closed");
    say.heard(&told);
    Ok(())
}

async fn feed(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Mia", "what happened?");
    let events = on.owner.get(&format!("/organizations/{}/events?itemsPerPage=100", on.organization)).await?;
    let rows = events.pointer("/results").and_then(Value::as_array).context("the feed is empty")?;
    let names: Vec<String> = rows.iter().map(|row| text(row, "/event")).collect::<Result<_, _>>()?;
    for wanted in
        ["organization.blocked", "session.denied", "grant.given", "session.opened", "grant.revoked", "session.closed"]
    {
        ensure!(names.iter().any(|name| name == wanted), "the feed lacks `{wanted}`: {names:?}");
    }
    for row in rows.iter().take(8) {
        let by = text(row, "/userName").or_else(|_| text(row, "/by"))?;
        say.line(&format!("{}  {:<28} {by}", text(row, "/at")?, text(row, "/event")?));
    }
    ensure!(!events.to_string().contains("Robin"), "the feed must not name the engineer");
    say.holds(&format!("{NODE} was entered by an employee identifier, never by a name"));
    Ok(())
}

/// A command as it is typed at a shell.
fn quoted(command: &str) -> String {
    format!("'{}'", command.replace('\'', r"'\''"))
}

/// Runs `ssh` as the engineer: exit code, standard output, standard error.
async fn ssh(on: &Installation, say: &Say, command: &str) -> anyhow::Result<(i32, String, String)> {
    say.typed(&format!("ssh {NODE}@gateway {}", quoted(command)));
    let mut ssh = ssh_command(on, &[], command);
    let output = timeout(PATIENCE, ssh.stdin(Stdio::null()).output()).await.context("ssh hangs")??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status.code().unwrap_or(255), text(&output.stdout), text(&output.stderr)))
}

fn ssh_command(on: &Installation, more: &[&str], command: &str) -> Command {
    let mut ssh = Command::new("ssh");
    let known = on.root.join("known_hosts");
    ssh.args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"])
        .args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", &format!("UserKnownHostsFile={}", known.display())])
        .arg("-i")
        .arg(&on.identity)
        .args(["-p", &on.server.ssh.port().to_string()])
        .args(more)
        .arg(format!("{NODE}@{}", on.server.ssh.ip()))
        .kill_on_drop(true);
    if !command.is_empty() {
        ssh.arg(command);
    }
    ssh
}

async fn wait_for_line(client: &mut Child, wanted: &str) -> anyhow::Result<()> {
    let output = client.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines();
    let found = async {
        while let Some(line) = lines.next_line().await? {
            if line.contains(wanted) {
                return Ok(());
            }
        }
        anyhow::bail!("ssh ended before it printed `{wanted}`")
    };
    timeout(PATIENCE, found).await.context("ssh printed nothing")?
}
