//! The organization's settings: the block and the longest grant.
//!
//! Blocking needs no fresh sign-in; lifting the block and setting the longest grant do.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use byleave_core::event::Event;
use byleave_core::name::VendorName;
use byleave_core::policy::Action;
use byleave_core::time::Ttl;
use byleave_store::StoreError;
use byleave_store::session::SessionRow;
use maud::{Markup, html};

use super::clusters::live;
use super::form::{Act, Asks, Button, Faults, Field, Typed};
use super::icon::{Icon, icon};
use super::layout::Tab;
use super::path;
use super::problem::Answer;
use super::sessions::ending;
use super::stale;
use super::visitor::{Visitor, done};
use crate::api::shut::close;
use crate::app::App;
use crate::door::Scope;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    let mut live = live(&app, &visitor).await?;
    live.retain(|session| session.basis == byleave_core::access::Basis::Standing);
    let content = html! {
        div.head { div { h1 { "Settings" } p { "What holds for the whole organization." } } }
        section.panel #block data-live { (block_panel(&app.vendor, &visitor, &live)) }
        section.panel #longest-grant data-live { (longest_panel(&visitor)) }
        p.small.quiet { "All of it is sealed in your organization’s log. " a href=(path::EVIDENCE) { "Take it away and verify it" } "." }
    };
    visitor.page(&app, Tab::Settings, "Settings", content).await
}

/// The label of the switch.
fn label(vendor: &VendorName) -> String {
    format!("Block {vendor} Support Access to Cluster Infrastructure and Logs")
}

fn block_panel(vendor: &VendorName, visitor: &Visitor, live: &[SessionRow]) -> Markup {
    let blocked = visitor.organization.blocked;
    let checked = if blocked { "true" } else { "false" };
    let (href, action) = if blocked { (path::UNBLOCK, Action::Unblock) } else { (path::BLOCK, Action::Block) };
    html! {
        div.body {
            @if visitor.may(action) {
                a.switch #block-switch href=(href) role="switch" aria-checked=(checked) data-dialog {
                    (label(vendor)) span.track {}
                }
            } @else {
                div.switch #block-switch role="switch" aria-checked=(checked) aria-disabled="true" {
                    (label(vendor)) span.track {}
                }
                p.small.quiet { "Only an organization owner can change this." }
            }
            @if blocked {
                p { "On. Support reaches a cluster’s infrastructure and logs only while somebody of your organization grants "
                    "it, for at most " (visitor.organization.longest) " at a time." }
            } @else {
                p { "Off. Support may reach the infrastructure and logs of all clusters at any time, never the databases. A "
                    "session lasts 8 hours at most, and all of it is recorded." }
                (warning())
                (ending(live, "Live now on standing access; blocking ends these sessions at once:"))
            }
        }
    }
}

/// What blocking costs.
fn warning() -> Markup {
    html! {
        div.notice.warn {
            (icon(Icon::Alert))
            div { p {
                "While support is blocked, its answers and repairs can take longer, because somebody of your organization has "
                "to grant access first. The availability of your databases can suffer from that."
            } }
        }
    }
}

fn longest_panel(visitor: &Visitor) -> Markup {
    html! {
        header {
            h2 { "Longest grant" }
            @if visitor.may(Action::SetLongestGrant) {
                a.button.low #longest-change href=(path::LONGEST) data-dialog { "Change…" }
            }
        }
        div.body {
            p { "A grant for a cluster lasts at most " strong { (visitor.organization.longest) }
                ". 24 hours is the most there is." }
        }
    }
}

/// The dialogue that blocks.
pub(super) async fn show_block(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::Block)?;
    let mut live = live(&app, &visitor).await?;
    live.retain(|session| session.basis == byleave_core::access::Basis::Standing);
    let act = Act {
        tab: Tab::Settings,
        title: &label(&app.vendor),
        to: path::BLOCK,
        back: path::SETTINGS,
        button: Button::Primary("Block Access"),
        asks: Asks::Nothing,
    };
    let fields = html! {
        p { "From then on support reaches a cluster only while you grant it. Grants in force stay in force." }
        (warning())
        @if live.is_empty() {
            p.quiet { "No session is live on standing access, so nothing ends now." }
        }
        (ending(&live, "Blocking ends these sessions at once:"))
    };
    Ok(visitor.ask(&act, &Faults::default(), fields))
}

/// Blocks.
pub(super) async fn block(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::Block)?;
    let (store, actor, now, org) = (app.store.clone(), visitor.actor().clone(), visitor.reading.clone(), visitor.org());
    let act = async move { store.block(&actor, &now, org).await };
    let written = close(&app, Scope::Organization(org), act).await?;
    Ok(done(path::SETTINGS, &written.anchors))
}

/// The dialogue that lifts the block.
pub(super) async fn show_unblock(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::Unblock)?;
    Ok(unblock_dialogue(&app.vendor, &visitor, &Faults::default()))
}

/// Lifts the block.
pub(super) async fn unblock(State(app): State<Arc<App>>, mut visitor: Visitor, typed: Typed) -> Answer {
    visitor.must(Action::Unblock)?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(unblock_dialogue(&app.vendor, &visitor, &faults));
    }
    let written = app.store.unblock(visitor.actor(), &app.read_clock(), visitor.org()).await?;
    app.door.unlatch(Scope::Organization(visitor.org()));
    Ok(done(path::SETTINGS, &written.anchors))
}

fn unblock_dialogue(vendor: &VendorName, visitor: &Visitor, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::Settings,
        title: "Lift the block on support access",
        to: path::UNBLOCK,
        back: path::SETTINGS,
        button: Button::Primary("Lift the Block"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { "From then on " (vendor) " support may reach the infrastructure and logs of all clusters of "
            strong { (visitor.organization.name) } " at any time, without asking. Never the databases." }
    };
    visitor.ask(&act, faults, fields)
}

/// The dialogue that sets the longest grant.
pub(super) async fn show_longest(visitor: Visitor) -> Answer {
    visitor.must(Action::SetLongestGrant)?;
    let longest = visitor.organization.longest.to_string().replace(' ', "");
    let typed = Typed::with([("longest", longest), ("etag", visitor.organization.tag().as_str().to_owned())]);
    Ok(longest_dialogue(&visitor, &typed, &Faults::default(), Markup::default()))
}

/// Sets the longest grant.
pub(super) async fn set_longest(State(app): State<Arc<App>>, mut visitor: Visitor, mut typed: Typed) -> Answer {
    visitor.must(Action::SetLongestGrant)?;
    let mut faults = Faults::default();
    let Some(longest) = faults.take::<Ttl>("longest", "The longest grant", &typed.text("longest")) else {
        return Ok(longest_dialogue(&visitor, &typed, &faults, Markup::default()));
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(longest_dialogue(&visitor, &typed, &faults, Markup::default()));
    }
    let store = stale::expecting(&app.store, &typed);
    match store.set_longest_grant(visitor.actor(), &app.read_clock(), visitor.org(), longest).await {
        Ok(written) => Ok(done(path::SETTINGS, &written.anchors)),
        Err(StoreError::Stale) => {
            visitor.organization = app.store.organization(visitor.actor(), visitor.org()).await?;
            typed.set("etag", visitor.organization.tag().as_str());
            let meanwhile = stale::notice(&app, &visitor, is_setting).await?;
            Ok(longest_dialogue(&visitor, &typed, &stale::faults("longest"), meanwhile))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether an event changes what the tag of the settings covers.
fn is_setting(event: &Event) -> bool {
    event.name().starts_with("organization.")
}

fn longest_dialogue(visitor: &Visitor, typed: &Typed, faults: &Faults, meanwhile: Markup) -> Response {
    let act = Act {
        tab: Tab::Settings,
        title: "Set the longest grant",
        to: path::LONGEST,
        back: path::SETTINGS,
        button: Button::Primary("Set"),
        asks: Asks::Password,
    };
    let longest = Field {
        name: "longest",
        label: "Longest grant",
        hint: Some("Such as 24h, 8h or 1h30m; 24 hours at most. Grants in force keep their time."),
        optional: false,
    };
    let fields = html! {
        (stale::seen(typed)) (meanwhile)
        p.quiet { "Now: " (visitor.organization.longest) "." }
        (longest.input("text", typed, faults, "off"))
    };
    visitor.ask(&act, faults, fields)
}
