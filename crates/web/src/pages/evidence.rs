//! Evidence: the organization's log to take away, its present checkpoint, and how to verify both without this server.
//!
//! What is handed out is what `byleave evidence export` writes: entries of projects that the visitor cannot read are
//! hashes. Nothing here vouches for anything by itself.

use std::sync::Arc;

use axum::extract::State;
use byleave_api::byleave::Anchor;
use byleave_core::event::LogId;
use byleave_store::evidence::Sealed;
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::layout::{Tab, attachment, copy};
use super::path;
use super::problem::{Answer, Problem};
use super::visitor::Visitor;
use super::when::full;
use crate::app::App;
use crate::evidence::pieces;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let sealed = app.store.sealed(visitor.actor(), LogId::Organization(visitor.org())).await?;
    let key = app.store.verifying_key();
    let content = html! {
        div.head { div {
            h1 { "Evidence" }
            p { "All that happens here is an entry of your organization’s log, sealed so that nothing can be changed, dropped "
                "or put in without being noticed. Take it away and verify it on your own machine, without trusting this "
                "server." }
        } }
        section.panel { header { h2 { "Your log, to take away" } } div.body { (export(&visitor)) } }
        section.panel #checkpoint data-live { header { h2 { "Checkpoint" } } div.body { (checkpoint(&sealed)) } }
        section.panel { header { h2 { "Verify it" } } div.body { (verify(&visitor, &sealed, &key)) } }
    };
    visitor.page(&app, Tab::Evidence, "Evidence", content).await
}

/// The log with its proofs, as a file.
pub(super) async fn download(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let evidence = app.store.export(visitor.actor(), visitor.org()).await?;
    Ok(attachment("application/json", &file(&visitor), pieces(evidence)))
}

/// The present checkpoint in the form that the verifier takes.
pub(super) async fn download_anchor(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let sealed = app.store.sealed(visitor.actor(), LogId::Organization(visitor.org())).await?;
    let anchor = Anchor {
        log: visitor.org().to_string(),
        index: sealed.anchor.index,
        checkpoint: sealed.anchor.checkpoint.clone(),
    };
    let line = serde_json::to_string(&anchor).map_err(|_| Problem::Unavailable)?;
    Ok(attachment("application/json", &anchor_file(&visitor, sealed.size), format!("{line}\n")))
}

fn file(visitor: &Visitor) -> String {
    format!("byleave-evidence-{}.json", visitor.org())
}

fn anchor_file(visitor: &Visitor, size: u64) -> String {
    format!("byleave-anchor-{}-{size}.jsonl", visitor.org())
}

fn export(visitor: &Visitor) -> Markup {
    html! {
        p { "One file with every entry and the proofs. Entries of projects that you cannot read are in it as hashes." }
        div.actions.start {
            a.button.primary #export href=(path::EVIDENCE_FILE) download { (icon(Icon::File)) "Download the log" }
            span.small.quiet { code { (file(visitor)) } }
        }
    }
}

fn checkpoint(sealed: &Sealed) -> Markup {
    html! {
        p { "The log as it stands now, signed. Keep one from time to time where the vendor cannot change it: against it you "
            "can prove later that nothing before it was rewritten." }
        dl.facts {
            dt { "Size" } dd { (sealed.size) @if sealed.size == 1 { " entry" } @else { " entries" } }
            dt { "Root" } dd { code #root { (sealed.root) } }
            dt { "Of" } dd { (full(sealed.at)) }
        }
        pre.output #checkpoint-text tabindex="0" role="region" aria-label="The signed checkpoint" {
            (sealed.anchor.checkpoint)
        }
        div.actions.start {
            a.button #keep href=(path::ANCHOR_FILE) download { (icon(Icon::File)) "Download to keep it" }
            (copy("checkpoint-text", "the checkpoint"))
        }
    }
}

fn verify(visitor: &Visitor, sealed: &Sealed, key: &str) -> Markup {
    html! {
        p { "The key that signs the log. Compare it with the one that you kept, or that the vendor publishes:" }
        div.secret { code #key { (key) } }
        div.actions.start { (copy("key", "the key")) }
        p { "With the " code { "byleave" } " program on any machine, no server needed:" }
        pre.output #verify-line tabindex="0" role="region" aria-label="The command that verifies" {
            "byleave evidence verify " (file(visitor)) " --key '" (key) "' --anchor " (anchor_file(visitor, sealed.size))
        }
        div.actions.start { (copy("verify-line", "the command")) }
        p.small.quiet { "The anchor is a checkpoint that you kept, best an older one, too: without any, nobody can tell whether "
            "entries were cut off. It answers “verified”, or names each entry that is wrong." }
        @if let Some(at) = visitor.organization.claimed_at {
            p.small.quiet { "The log begins on " (full(at)) ". Organization " code { (visitor.org()) } "." }
        }
    }
}
