//! Users and invitations: who belongs to the organization, with which roles. For owners.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use byleave_core::id::{ProjectId, UserId};
use byleave_core::name::{ProjectName, UserName};
use byleave_core::policy::Action;
use byleave_core::role::Roles;
use byleave_store::StoreError;
use byleave_store::invitation::{InvitationRow, Invited};
use byleave_store::user::UserRow;
use maud::{Markup, html};

use super::form::{Faults, Field, Typed, confirmation};
use super::icon::{Icon, icon};
use super::layout::{Tab, dialogue, lost};
use super::path;
use super::problem::{Answer, Problem, sentence};
use super::role::{self, choose, chosen};
use super::visitor::{Visitor, done};
use super::when::{day, full};
use crate::app::App;

/// The page.
pub(super) async fn show(State(app): State<Arc<App>>, visitor: Visitor) -> Answer {
    visitor.must(Action::ManageUsers)?;
    let users = app.store.users(visitor.actor(), visitor.org()).await?;
    let invitations = app.store.invitations(visitor.actor(), &visitor.reading, visitor.org()).await?;
    let projects = projects(&app, &visitor).await?;
    let content = html! {
        div.head {
            div { h1 { "Users" } p { "The people of " (visitor.organization.name) ". Nobody of " (app.vendor) " can be one." } }
            a.button.primary #invite href=(path::INVITE) data-dialog { (icon(Icon::Person)) "Invite a user…" }
        }
        section.panel #users data-live { (table(&visitor, &users, &projects)) }
        section.panel #invitations data-live { (waiting(&invitations, &projects)) }
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
                td { strong { (user.name) } @if user.id == visitor.session.user { " " span.chip { "You" } } }
                td { (role::roles(&user.roles, projects)) }
                td { (day(user.added_at)) }
                td.end {
                    a.button.low #(format!("roles-{}", user.id)) href=(path::roles(user.id)) data-dialog
                        aria-label=(format!("Change the roles of {}", user.name)) { "Roles…" }
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
                thead { tr { th { "Invited" } th { "Roles" } th { "Until" } } }
                tbody { @for invitation in invitations { tr {
                    td { (invitation.user_name) }
                    td { (role::roles(&invitation.roles, projects)) }
                    td { (full(invitation.expires_at)) }
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
    match app.store.invite_user(visitor.actor(), &now, visitor.org(), name.clone(), roles).await {
        Ok(written) => Ok(invited(&visitor, &headers, &name, &written.value)),
        Err(StoreError::Conflict(conflict)) => {
            let faults = Faults::one("user_name", sentence(&conflict.to_string()));
            Ok(invite_dialogue(&visitor, &projects, &typed, &faults))
        }
        Err(error) => Err(error.into()),
    }
}

fn invite_dialogue(
    visitor: &Visitor,
    projects: &BTreeMap<ProjectId, ProjectName>,
    typed: &Typed,
    faults: &Faults,
) -> Response {
    let body = html! {
        form method="post" action=(path::INVITE) {
            (faults.general()) (lost())
            (Field { name: "user_name", label: "E-mail address", hint: None, optional: false }
                .input("email", typed, faults, "off"))
            (choose(typed, projects, faults))
            (confirmation(visitor.is_fresh(), faults))
            div.actions {
                a.button href=(path::USERS) data-close { "Cancel" }
                button.button.primary type="submit" { "Make Invitation" }
            }
        }
    };
    visitor.dialogue(Tab::Users, "Invite a user", faults, body)
}

/// The link to hand over; it is shown this once. Byleave sends no mail.
fn invited(visitor: &Visitor, headers: &HeaderMap, name: &UserName, invited: &Invited) -> Response {
    // The browser names the origin that it really uses, also behind a proxy; the check of forms has accepted it.
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).filter(|origin| *origin != "null");
    let link = format!("{}/invitations/{}", origin.unwrap_or_default(), invited.token.expose());
    let body = html! {
        div.body {
            p { "Hand this link to " strong { (name) } ". It works once, until " (full(invited.expires_at))
                ". It is shown only now; making a new invitation takes its place." }
            div.secret { code #invitation-link { (link) } }
            div.actions { a.button.primary href=(path::USERS) { "Done" } }
        }
    };
    let page = html! { div.dialogue-page { (dialogue("The invitation is made", body)) } };
    visitor.page_with(StatusCode::OK, Tab::Users, "The invitation is made", page)
}

async fn find(app: &App, visitor: &Visitor, id: &str) -> Result<UserRow, Problem> {
    visitor.must(Action::ManageUsers)?;
    let id: UserId = id.parse().map_err(|_| Problem::NotFound)?;
    let users = app.store.users(visitor.actor(), visitor.org()).await?;
    users.into_iter().find(|user| user.id == id).ok_or(Problem::NotFound)
}

/// The dialogue that changes roles.
pub(super) async fn show_roles(State(app): State<Arc<App>>, Path(id): Path<String>, visitor: Visitor) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    let projects = projects(&app, &visitor).await?;
    Ok(roles_dialogue(&visitor, &user, &projects, &role::typed(&user.roles), &Faults::default()))
}

/// Changes roles.
pub(super) async fn change_roles(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    mut visitor: Visitor,
    typed: Typed,
) -> Answer {
    let user = find(&app, &visitor, &id).await?;
    let projects = projects(&app, &visitor).await?;
    let mut faults = Faults::default();
    let roles: Roles = chosen(&typed, &projects, &mut faults);
    if !faults.is_empty() {
        return Ok(roles_dialogue(&visitor, &user, &projects, &typed, &faults));
    }
    if let Err(faults) = visitor.confirm(&app, &typed).await? {
        return Ok(roles_dialogue(&visitor, &user, &projects, &typed, &faults));
    }
    match app.store.change_roles(visitor.actor(), &app.read_clock(), visitor.org(), user.id, roles).await {
        Ok(written) => Ok(done(path::USERS, &written.anchors)),
        Err(StoreError::Conflict(conflict)) => {
            let faults = Faults::one("role", sentence(&conflict.to_string()));
            Ok(roles_dialogue(&visitor, &user, &projects, &typed, &faults))
        }
        Err(error) => Err(error.into()),
    }
}

fn roles_dialogue(
    visitor: &Visitor,
    user: &UserRow,
    projects: &BTreeMap<ProjectId, ProjectName>,
    typed: &Typed,
    faults: &Faults,
) -> Response {
    let body = html! {
        form method="post" action=(path::roles(user.id)) {
            (faults.general()) (lost())
            (choose(typed, projects, faults))
            (confirmation(visitor.is_fresh(), faults))
            div.actions {
                a.button href=(path::USERS) data-close { "Cancel" }
                button.button.primary type="submit" { "Set Roles" }
            }
        }
    };
    visitor.dialogue(Tab::Users, &format!("Roles of {}", user.name), faults, body)
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
    match app.store.remove_user(visitor.actor(), &app.read_clock(), visitor.org(), user.id).await {
        Ok(written) => Ok(done(path::USERS, &written.anchors)),
        Err(StoreError::Conflict(conflict)) => {
            Ok(remove_dialogue(&visitor, &user, &Faults::one("", sentence(&conflict.to_string()))))
        }
        Err(error) => Err(error.into()),
    }
}

fn remove_dialogue(visitor: &Visitor, user: &UserRow, faults: &Faults) -> Response {
    let body = html! {
        form method="post" action=(path::remove_user(user.id)) {
            (faults.general()) (lost())
            p { strong { (user.name) } " is signed out everywhere at once and cannot sign in again. Grants that they gave "
                "stay in force; revoke those that should not." }
            (confirmation(visitor.is_fresh(), faults))
            div.actions {
                a.button href=(path::USERS) data-close { "Cancel" }
                button.button.danger type="submit" { "Remove User" }
            }
        }
    };
    visitor.dialogue(Tab::Users, &format!("Remove {}", user.name), faults, body)
}
