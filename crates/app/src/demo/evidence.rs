//! The end of the story: the customer exports the evidence and verifies it offline; then one entry is changed, and the
//! verifier names it.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::installation::Installation;
use super::say::Say;

/// Tells that part.
///
/// # Errors
/// If the true evidence does not verify, or the changed one does.
pub(super) async fn tell(on: &Installation, say: &Say) -> anyhow::Result<()> {
    say.chapter("Mia", "prove it, without the vendor's server");
    let bundle = on.owner.get(&format!("/organizations/{}/evidence", on.organization)).await?;
    let (file, key) = (on.root.join("evidence.json"), on.root.join("log.vkey"));
    let vkey = on.owner.get("/key").await?;
    std::fs::write(&key, vkey.pointer("/key").and_then(Value::as_str).context("the server names no key")?)?;
    std::fs::write(&file, serde_json::to_vec(&bundle)?)?;
    let (verified, printed) = verify(say, &file, &key).await?;
    say.heard(&printed);
    ensure!(verified, "the evidence should verify: {printed}");
    say.holds("every entry is in the signed log, and every session had a basis when its entry was written");

    say.chapter("Somebody", "change one entry of the exported log");
    let (changed, index) = tamper(bundle)?;
    std::fs::write(&file, serde_json::to_vec(&changed)?)?;
    let (verified, printed) = verify(say, &file, &key).await?;
    say.heard(&printed);
    ensure!(!verified, "the changed evidence should not verify: {printed}");
    ensure!(printed.contains(&index.to_string()), "the verifier should name entry {index}: {printed}");
    say.holds(&format!("entry {index} is named"));
    Ok(())
}

/// Makes it look as if the grant had been for something else.
fn tamper(mut bundle: Value) -> anyhow::Result<(Value, usize)> {
    let entries =
        bundle.pointer_mut("/entries").and_then(Value::as_array_mut).context("the evidence has no entries")?;
    for (index, entry) in entries.iter_mut().enumerate() {
        let Some(leaf) = entry.get_mut("leaf") else { continue };
        let text = leaf.as_str().unwrap_or_default();
        if text.contains("grant.given") {
            let changed = text.replace("CLUSTER_INFRASTRUCTURE", "CLUSTER_DATABASE_LOGS");
            ensure!(changed != text, "there is nothing to change in {text}");
            *leaf = Value::String(changed);
            return Ok((bundle, index));
        }
    }
    anyhow::bail!("the evidence has no grant")
}

async fn verify(say: &Say, file: &Path, key: &Path) -> anyhow::Result<(bool, String)> {
    let program = std::env::current_exe().context("cannot tell where this program is")?;
    say.typed(&format!("byleave evidence verify {} --key {}", file.display(), key.display()));
    let output = Command::new(program).args(["evidence", "verify"]).arg(file).arg("--key").arg(key).output().await?;
    let printed = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}
