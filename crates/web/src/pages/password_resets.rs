//! Links for a new password: an owner makes one for somebody who lost theirs, sees which are open, and withdraws them.
//!
//! It must never show a link a second time.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use byleave_core::id::InvitationId;
use byleave_core::policy::Action;
use byleave_store::password_reset::ResetRow;
use byleave_store::user::UserRow;
use maud::{Markup, html};

use super::form::{Act, Asks, Button, Faults, Typed};
use super::layout::Tab;
use super::path;
use super::problem::{Answer, Problem};
use super::users::{beside, find, invited};
use super::visitor::{Visitor, done};
use super::when::full;
use crate::app::App;

/// Those that can be used, on the page of users.
pub(super) fn open(resets: &[ResetRow]) -> Markup {
    html! {
        header { h2 { "Open links for a new password" } }
        @if resets.is_empty() {
            div.empty { p { "There is none at the moment." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "For" } th { "Made by" } th { "Since" } th { "Until" } th { "" } } }
                tbody { @for reset in resets { tr {
                    td data-label="For" { (reset.user_name) }
                    td data-label="Made by" { (reset.maker) }
                    td data-label="Since" { (full(reset.created_at)) }
                    td data-label="Until" { (full(reset.expires_at)) }
                    td.end {
                        a.button.low.ends #(format!("withdraw-{}", reset.id)) data-dialog
                            href=(path::withdraw_reset(reset.id))
                            aria-label=(format!("Withdraw the link for a new password of {}", reset.user_name)) {
                            "Withdraw…"
                        }
                    }
                } } }
            } }
        }
    }
}

/// The dialogue that makes a link for a new password.
pub(super) async fn show_new(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    Ok(new_dialogue(&visitor, &user, &Faults::default()))
}

/// Makes the link, and shows it once.
pub(super) async fn make(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(new_dialogue(&visitor, &user, &faults));
    }
    let now = app.read_clock();
    let made = app.store.offer_password_reset(visitor.actor(), &now, visitor.org(), user.id).await;
    Ok(match beside("", made)? {
        Ok(written) => {
            let headers = (app.as_ref(), &headers);
            let more = "It is shown only now. Until it is used, nothing changes; then all their sign-ins end.";
            invited(&visitor, headers, (&user.name, &written.value), ("The link for a new password is made", more))
        }
        Err(faults) => new_dialogue(&visitor, &user, &faults),
    })
}

fn new_dialogue(visitor: &Visitor, user: &UserRow, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::Users,
        title: &format!("A new password for {}", user.name),
        to: &path::reset_password(user.id),
        back: path::USERS,
        button: Button::Primary("Make Link"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { "You get a link with which " strong { (user.name) } " chooses a new password, once, within an hour. Hand it to "
            "nobody else: whoever has it can act in their name. The feed tells everybody that you made it, and when it is "
            "used." }
    };
    visitor.ask(&act, faults, fields)
}

/// The dialogue that withdraws a link.
pub(super) async fn show_withdraw(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let reset = find_reset(&app, &visitor, &id).await?;
    Ok(withdraw_dialogue(&visitor, &reset, &Faults::default()))
}

/// Withdraws a link: it opens nothing any more.
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let reset = find_reset(&app, &visitor, &id).await?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(withdraw_dialogue(&visitor, &reset, &faults));
    }
    let (actor, now) = (visitor.actor(), app.read_clock());
    let written = app.store.withdraw_password_reset(actor, &now, visitor.org(), reset.id).await?;
    Ok(done(path::USERS, &written.anchors))
}

async fn find_reset(app: &App, visitor: &Visitor, id: &str) -> Result<ResetRow, Problem> {
    visitor.must(Action::ManageUsers)?;
    let id: InvitationId = id.parse().map_err(|_| Problem::NotFound)?;
    let resets = app.store.password_resets(visitor.actor(), &visitor.reading, visitor.org()).await?;
    resets.into_iter().find(|reset| reset.id == id).ok_or(Problem::NotFound)
}

fn withdraw_dialogue(visitor: &Visitor, reset: &ResetRow, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::Users,
        title: "Withdraw the link",
        to: &path::withdraw_reset(reset.id),
        back: path::USERS,
        button: Button::Danger("Withdraw Link"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { "The link with which " strong { (reset.user_name) } " can choose a new password opens nothing any more. Their "
            "present password stays as it is. You can make another link at any time." }
    };
    visitor.ask(&act, faults, fields)
}
