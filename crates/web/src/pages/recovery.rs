//! The recovery of a lost last owner, above every page of every member while it is open, with the button that stops it.
//!
//! Stopping asks for nothing: no password, no role but that of a member.

use std::sync::Arc;

use axum::extract::State;
use byleave_core::recovery::{Recovery, RecoveryStatus};
use byleave_core::time::Timestamp;
use maud::{Markup, html};

use super::icon::{Icon, icon};
use super::path;
use super::problem::Answer;
use super::visitor::{Visitor, done};
use super::when::full;
use crate::app::App;

/// What every member should know; nothing while no recovery is open.
pub(super) fn banner(recovery: Option<&Recovery>, now: Timestamp) -> Markup {
    html! {
        @if let Some(recovery) = recovery.filter(|recovery| recovery.is_open(now)) {
            div.notice.error #recovery role="alert" {
                (icon(Icon::Alert))
                div {
                    strong { "The vendor is adding an owner to your organization" }
                    p {
                        "An administrator of the vendor says that your last owner is lost, and wants "
                        strong { (recovery.user_name) } " to become an owner, since " (full(recovery.started_at)) ". "
                        (next(recovery, now)) " If nobody of your organization asked for this, stop it now."
                    }
                    form.inline method="post" action=(path::STOP_RECOVERY) {
                        button.button.danger #stop-recovery type="submit" { "Stop it" }
                    }
                }
            }
        }
    }
}

fn next(recovery: &Recovery, now: Timestamp) -> Markup {
    match recovery.status(now) {
        RecoveryStatus::Waiting { until } => html! { "Nobody is invited before " (full(until)) "." },
        RecoveryStatus::Ready { until } => html! { "They can be invited now, until " (full(until)) "." },
        RecoveryStatus::Invited { until } => html! { "They are invited, and can join until " (full(until)) "." },
        RecoveryStatus::Ended { .. } | RecoveryStatus::Lapsed { .. } => html! {},
    }
}

/// Stops it.
pub(super) async fn stop(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let written = app.store.stop_recovery(visitor.actor(), &app.read_clock(), visitor.org()).await?;
    Ok(done(path::CLUSTERS, &written.anchors))
}
