//! Users and invitations: who belongs to the organization, with which roles. For owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, ProjectId, UserId};
use byleave_core::name::{ProjectName, UserName};
use byleave_core::policy::Action;
use byleave_core::role::Roles;
use byleave_store::StoreError;
use byleave_store::invitation::{InvitationRow, Invited};
use byleave_store::user::UserRow;
use maud::{Markup, html};

use super::form::{Act, Asks, Button, Faults, Field, Typed};
use super::icon::{Icon, icon};
use super::layout::{Tab, copy};
use super::password_resets;
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::role::{self, choose, chosen};
use super::stale;
use super::visitor::{Visitor, done};
use super::when::{day, full};
use crate::app::App;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::ManageUsers)?;
    let users = app.store.users(visitor.actor(), visitor.org()).await?;
    let invitations = app.store.invitations(visitor.actor(), &visitor.reading, visitor.org()).await?;
    let resets = app.store.password_resets(visitor.actor(), &visitor.reading, visitor.org()).await?;
    let projects = projects(&app, &visitor).await?;
    let content = html! {
        div.head {
            div { h1 { "Users" } p { "The people of " (visitor.organization.name) ". Nobody of " (app.vendor) " can be one." } }
            a.button.primary #invite href=(path::INVITE) data-dialog { (icon(Icon::Person)) "Invite a user…" }
        }
        section.panel #users data-live { (table(&visitor, &users, &projects)) }
        section.panel #invitations data-live { (waiting(&invitations, &projects)) }
        section.panel #resets data-live { (password_resets::open(&resets)) }
    };
    visitor.page(&app, Tab::Users, "Users", content).await
}

/// The projects that roles can be given in.
pub(super) async fn projects(app: &App, visitor: &Visitor) -> Result<BTreeMap<ProjectId, ProjectName>, Problem> {
    let rows = app.store.projects(visitor.actor()).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

fn table(visitor: &Visitor, users: &[UserRow], projects: &BTreeMap<ProjectId, ProjectName>) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "User" } th { "Roles" } th { "Since" } th { "" } } }
            tbody { @for user in users { tr {
                td data-label="User" { strong { (user.name) } @if user.id == visitor.session.user { " " span.chip { "You" } } }
                td data-label="Roles" { (role::roles(&user.roles, projects)) }
                td data-label="Since" { (day(user.added_at)) }
                td.end {
                    a.button.low #(format!("roles-{}", user.id)) href=(path::roles(user.id)) data-dialog
                        aria-label=(format!("Change the roles of {}", user.name)) { "Roles…" }
                    " "
                    a.button.low #(format!("reset-{}", user.id)) href=(path::reset_password(user.id)) data-dialog
                        aria-label=(format!("Make a link for a new password of {}", user.name)) { "Lost password…" }
                    " "
                    a.button.low.ends #(format!("remove-{}", user.id)) href=(path::remove_user(user.id)) data-dialog
                        aria-label=(format!("Remove {}", user.name)) { "Remove…" }
                }
            } } }
        } }
    }
}

fn waiting(invitations: &[InvitationRow], projects: &BTreeMap<ProjectId, ProjectName>) -> Markup {
    html! {
        header { h2 { "Open invitations" } }
        @if invitations.is_empty() {
            div.empty { p { "Nobody is invited at the moment." } }
        } @else {
            div.scroll { table {
                thead { tr { th { "Invited" } th { "Roles" } th { "Until" } th { "" } } }
                tbody { @for invitation in invitations { tr {
                    td data-label="Invited" { (invitation.user_name) }
                    td data-label="Roles" { (role::roles(&invitation.roles, projects)) }
                    td data-label="Until" { (full(invitation.expires_at)) }
                    td.end {
                        a.button.low.ends #(format!("withdraw-{}", invitation.id)) data-dialog
                            href=(path::withdraw_invitation(invitation.id))
                            aria-label=(format!("Withdraw the invitation of {}", invitation.user_name)) { "Withdraw…" }
                    }
                } } }
            } }
        }
    }
}

/// The dialogue that invites.
pub(super) async fn show_invite(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::ManageUsers)?;
    let projects = projects(&app, &visitor).await?;
    Ok(invite_dialogue(&visitor, &projects, &Typed::default(), &Faults::default()))
}

/// Invites, and shows the link once.
pub(super) async fn invite(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    visitor.must(Action::ManageUsers)?;
    let projects = projects(&app, &visitor).await?;
    let mut faults = Faults::default();
    let name = faults.take::<UserName>("user_name", "The e-mail address", &typed.text("user_name").to_lowercase());
    let roles = chosen(&typed, &projects, &mut faults);
    let (Some(name), true) = (name, faults.is_empty()) else {
        return Ok(invite_dialogue(&visitor, &projects, &typed, &faults));
    };
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(invite_dialogue(&visitor, &projects, &typed, &faults));
    }
    let now = app.read_clock();
    let made = app.store.invite_user(visitor.actor(), &now, visitor.org(), name.clone(), roles).await;
    Ok(match beside("user_name", made)? {
        Ok(written) => {
            let headers = (app.as_ref(), &headers);
            let more = "It is shown only now; making a new invitation takes its place.";
            invited(&visitor, headers, (&name, &written.value), ("The invitation is made", more))
        }
        Err(faults) => invite_dialogue(&visitor, &projects, &typed, &faults),
    })
}

fn invite_dialogue(
    visitor: &Visitor,
    projects: &BTreeMap<ProjectId, ProjectName>,
    typed: &Typed,
    faults: &Faults,
) -> Response {
    let act = Act {
        tab: Tab::Users,
        title: "Invite a user",
        to: path::INVITE,
        back: path::USERS,
        button: Button::Primary("Make Invitation"),
        asks: Asks::Password,
    };
    let name = Field { name: "user_name", label: "E-mail address", hint: None, optional: false };
    let fields = html! {
        (name.input("email", typed, faults, "off"))
        (choose(typed, projects, faults))
    };
    visitor.ask(&act, faults, fields)
}

/// The dialogue that withdraws an invitation.
pub(super) async fn show_withdraw(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let invitation = find_invitation(&app, &visitor, &id).await?;
    Ok(withdraw_dialogue(&visitor, &invitation, &Faults::default()))
}

/// Withdraws an invitation: its link opens nothing any more.
pub(super) async fn withdraw(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let invitation = find_invitation(&app, &visitor, &id).await?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(withdraw_dialogue(&visitor, &invitation, &faults));
    }
    let (actor, now) = (visitor.actor(), app.read_clock());
    let written = app.store.withdraw_invitation(actor, &now, visitor.org(), invitation.id).await?;
    Ok(done(path::USERS, &written.anchors))
}

async fn find_invitation(app: &App, visitor: &Visitor, id: &str) -> Result<InvitationRow, Problem> {
    visitor.must(Action::ManageUsers)?;
    let id: InvitationId = id.parse().map_err(|_| Problem::NotFound)?;
    let invitations = app.store.invitations(visitor.actor(), &visitor.reading, visitor.org()).await?;
    invitations.into_iter().find(|invitation| invitation.id == id).ok_or(Problem::NotFound)
}

fn withdraw_dialogue(visitor: &Visitor, invitation: &InvitationRow, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::Users,
        title: "Withdraw the invitation",
        to: &path::withdraw_invitation(invitation.id),
        back: path::USERS,
        button: Button::Danger("Withdraw Invitation"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { "The link that was made for " strong { (invitation.user_name) } " opens nothing any more. You can invite "
            "them anew at any time." }
    };
    visitor.ask(&act, faults, fields)
}

/// The link to hand over; it is shown this once. Byleave sends no mail.
pub(super) fn invited(
    visitor: &Visitor,
    (app, headers): (&App, &HeaderMap),
    (name, invited): (&UserName, &Invited),
    (title, more): (&str, &str),
) -> Response {
    // The browser names the origin that it really uses, also behind a proxy; the check of forms has accepted it.
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).filter(|origin| *origin != "null");
    let path = format!("/invitations/{}", invited.token.expose());
    let link = match &app.public_url {
        Some(url) => url.join(&path),
        None => format!("{}{path}", origin.unwrap_or_default()),
    };
    let body = html! {
        div.body {
            p { "Hand this link to " strong { (name) } ". It works once, until " (full(invited.expires_at))
                ". " (more) }
            div.secret { code #invitation-link { (link) } }
            div.actions {
                (copy("invitation-link", "the link"))
                a.button.primary href=(path::USERS) { "Done" }
            }
        }
    };
    visitor.dialogue(Tab::Users, title, &Faults::default(), body)
}

/// A conflict with what others did stands beside the field that it is about.
pub(super) fn beside<T>(field: &'static str, done: Result<T, StoreError>) -> Result<Result<T, Faults>, Problem> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Conflict(conflict)) => Ok(Err(Faults::one(field, sentence(&conflict.to_string())))),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<UserRow, Problem> {
    visitor.must(Action::ManageUsers)?;
    let id: UserId = id.parse().map_err(|_| Problem::NotFound)?;
    let users = app.store.users(visitor.actor(), visitor.org()).await?;
    users.into_iter().find(|user| user.id == id).ok_or(Problem::NotFound)
}

/// The dialogue that changes roles.
pub(super) async fn show_roles(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    let projects = projects(&app, &visitor).await?;
    let mut typed = role::typed(&user.roles);
    typed.set("etag", user.tag().as_str());
    Ok(roles_dialogue(&visitor, &user, &projects, &typed, (&Faults::default(), Markup::default())))
}

/// Changes roles.
pub(super) async fn change_roles(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    mut typed: Typed,
) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    let projects = projects(&app, &visitor).await?;
    let mut faults = Faults::default();
    let roles: Roles = chosen(&typed, &projects, &mut faults);
    if !faults.is_empty() {
        return Ok(roles_dialogue(&visitor, &user, &projects, &typed, (&faults, Markup::default())));
    }
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(roles_dialogue(&visitor, &user, &projects, &typed, (&faults, Markup::default())));
    }
    let store = stale::expecting(&app.store, &typed);
    let changed = store.change_roles(visitor.actor(), &app.read_clock(), visitor.org(), user.id, roles).await;
    if let Err(StoreError::Stale) = &changed {
        let user = find(&app, &visitor, &id).await?;
        typed.set("etag", user.tag().as_str());
        let is_it =
            |event: &Event| matches!(event, Event::UserRolesChanged { user: changed, .. } if *changed == user.id);
        let meanwhile = stale::notice(&app, &visitor, is_it).await?;
        return Ok(roles_dialogue(&visitor, &user, &projects, &typed, (&stale::faults("role"), meanwhile)));
    }
    Ok(match beside("role", changed)? {
        Ok(written) => done(path::USERS, &written.anchors),
        Err(faults) => roles_dialogue(&visitor, &user, &projects, &typed, (&faults, Markup::default())),
    })
}

fn roles_dialogue(
    visitor: &Visitor,
    user: &UserRow,
    projects: &BTreeMap<ProjectId, ProjectName>,
    typed: &Typed,
    (faults, meanwhile): (&Faults, Markup),
) -> Response {
    let act = Act {
        tab: Tab::Users,
        title: &format!("Roles of {}", user.name),
        to: &path::roles(user.id),
        back: path::USERS,
        button: Button::Primary("Set Roles"),
        asks: Asks::Password,
    };
    let fields = html! { (stale::seen(typed)) (meanwhile) (choose(typed, projects, faults)) };
    visitor.ask(&act, faults, fields)
}

/// The dialogue that removes a user.
pub(super) async fn show_remove(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    Ok(remove_dialogue(&visitor, &user, &Faults::default()))
}

/// Removes a user.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(remove_dialogue(&visitor, &user, &faults));
    }
    let removed = app.store.remove_user(visitor.actor(), &app.read_clock(), visitor.org(), user.id).await;
    Ok(match beside("", removed)? {
        Ok(written) => done(path::USERS, &written.anchors),
        Err(faults) => remove_dialogue(&visitor, &user, &faults),
    })
}

fn remove_dialogue(visitor: &Visitor, user: &UserRow, faults: &Faults) -> Response {
    let act = Act {
        tab: Tab::Users,
        title: &format!("Remove {}", user.name),
        to: &path::remove_user(user.id),
        back: path::USERS,
        button: Button::Danger("Remove User"),
        asks: Asks::Password,
    };
    let fields = html! {
        p { strong { (user.name) } " is signed out everywhere at once and cannot sign in again. Grants that they gave "
            "stay in force; revoke those that should not." }
    };
    visitor.ask(&act, faults, fields)
}
