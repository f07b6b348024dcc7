//! People of an organization and of a project: users and those who are invited. Owners invite, change roles, remove.
//!
//! An invitation is claimed on a page of ours, whose address only the answer to the invitation holds: nothing here
//! sends e-mail.

use axum::http::StatusCode;
use axum::response::Response;
use byleave_api::atlas::{GroupUser, OrgUser, OrgUserRequest, OrgUserUpdate, RoleChange};
use byleave_api::error::ErrorCode;
use byleave_api::page::Link;
use byleave_core::id::{OrgId, ProjectId, UserId};
use byleave_core::name::UserName;
use byleave_core::policy::{Action, Resource};
use byleave_core::role::{OrgRole, Roles, RolesChange};
use byleave_store::invitation::{InvitationRow, Invited};
use byleave_store::member::MemberRow;

use super::roles;
use crate::api::caller::Caller;
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::page::Paging;
use crate::api::path::{GroupPath, IdPath, IdVerbPath, OrgPath};
use crate::api::show::parse;

/// How many states can be asked for.
const STATES: usize = 4;

/// Lists those of an organization, by name.
pub(super) async fn of_organization(caller: Caller, OrgPath(id): OrgPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let members = members(&caller, id).await?;
    caller.list(&paging.of(&caller, members.iter().map(show).collect()))
}

/// Lists those of a project: who has a role in it, and with `includeOrgUsers=true` who reaches it by a role in the
/// organization.
pub(super) async fn of_project(caller: Caller, GroupPath(id): GroupPath) -> Result<Response, Failure> {
    let paging = Paging::read(&caller)?;
    let project = caller.ask(caller.app.store.project(&caller.actor, id)).await?;
    let everybody = caller.flag("includeOrgUsers", false)?;
    // There are no teams to flatten.
    caller.flag("flattenTeams", false)?;
    let mut members = members(&caller, project.organization).await?;
    members.retain(|member| {
        let roles = member.roles();
        let everywhere = roles.has(OrgRole::Owner) || roles.has(OrgRole::ReadOnly);
        roles.projects.contains_key(&id) || everybody && everywhere
    });
    caller.list(&paging.of(&caller, members.iter().map(|member| show_in_project(member, id)).collect()))
}

/// Shows one.
pub(super) async fn get(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(user): IdPath<UserId>,
) -> Result<Response, Failure> {
    let member = caller.ask(caller.app.store.member(&caller.actor, &caller.now, id, user)).await?;
    match states(&caller)?.is_none_or(|states| states.contains(&state(&member))) {
        true => caller.with_tag(&member.tag(), &show(&member)),
        false => Err(caller.nothing_here()),
    }
}

/// Invites one.
pub(super) async fn invite(caller: Caller, OrgPath(id): OrgPath, body: Raw) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    let body: OrgUserRequest = body.json(&caller.app).await?;
    let name: UserName = parse("username", &body.username)?;
    let roles = roles::read(&body.roles)?.apply(&Roles::default());
    roles::refuse_teams(body.team_ids.as_deref())?;
    let (row, invited) = send(&caller, id, name, roles).await?;
    let mut user = show(&MemberRow::Pending(row));
    user.links.push(Link {
        href: caller.public(&format!("/invitations/{}", invited.token.expose())),
        rel: "invitation".to_owned(),
    });
    caller.shown_once(StatusCode::CREATED, &user)
}

/// Invites a person, and tells the invitation as owners see it.
///
/// # Errors
/// [`Failure`] for what the store refuses.
pub(super) async fn send(
    caller: &Caller,
    id: OrgId,
    name: UserName,
    roles: Roles,
) -> Result<(InvitationRow, Invited), Failure> {
    let store = &caller.app.store;
    let invited = caller.ask(store.invite_user(&caller.actor, &caller.now, id, name, roles)).await?.value;
    let user = UserId::from_bytes(*invited.invitation.as_bytes());
    match caller.ask(store.member(&caller.actor, &caller.now, id, user)).await? {
        MemberRow::Pending(row) => Ok((row, invited)),
        MemberRow::Active(_) => Err(crate::api::error::internal()),
    }
}

/// Changes roles.
pub(super) async fn patch(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(user): IdPath<UserId>,
    body: Raw,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    caller.ask(caller.app.store.member(&caller.actor, &caller.now, id, user)).await?;
    let body: OrgUserUpdate = body.json(&caller.app).await?;
    roles::refuse_teams(body.team_ids.as_deref())?;
    match &body.roles {
        Some(roles) => change(&caller, id, user, roles::read(roles)?).await,
        None => {
            let member = caller.ask(caller.app.store.member(&caller.actor, &caller.now, id, user)).await?;
            caller.with_tag(&member.tag(), &show(&member))
        }
    }
}

/// Gives or takes one role.
pub(super) async fn post(
    caller: Caller,
    OrgPath(id): OrgPath,
    path: IdVerbPath<UserId>,
    body: Raw,
) -> Result<Response, Failure> {
    let change_to = match path.verb.as_str() {
        "addRole" => RolesChange::Add,
        "removeRole" => RolesChange::Remove,
        _ => return Err(caller.nothing_here()),
    };
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    caller.ask(caller.app.store.member(&caller.actor, &caller.now, id, path.id)).await?;
    let body: RoleChange = body.json(&caller.app).await?;
    change(&caller, id, path.id, change_to(roles::role("orgRole", &body.org_role)?)).await
}

async fn change(caller: &Caller, id: OrgId, user: UserId, change: RolesChange) -> Result<Response, Failure> {
    let store = &caller.app.store;
    let written = caller.ask(store.change_member(&caller.actor, &caller.now, id, user, change)).await?;
    caller.with_tag(&written.value.tag(), &show(&written.value))
}

/// Removes one, or takes their invitation back.
pub(super) async fn delete(
    caller: Caller,
    OrgPath(id): OrgPath,
    IdPath(user): IdPath<UserId>,
) -> Result<Response, Failure> {
    caller.may(Action::ManageUsers, Resource::Organization(id))?;
    caller.ask(caller.app.store.remove_member(&caller.actor, &caller.now, id, user)).await?;
    Ok(caller.done())
}

/// The members that the filters let pass.
async fn members(caller: &Caller, id: OrgId) -> Result<Vec<MemberRow>, Failure> {
    let mut members = caller.ask(caller.app.store.members(&caller.actor, &caller.now, id)).await?;
    let states = states(caller)?;
    let name = user_name(caller)?;
    members.retain(|member| {
        states.as_ref().is_none_or(|states| states.contains(&state(member)))
            && name.as_ref().is_none_or(|name| name == member.name())
    });
    Ok(members)
}

/// The name of the filter `username`.
///
/// # Errors
/// [`Failure`] for what is no name.
pub(super) fn user_name(caller: &Caller) -> Result<Option<UserName>, Failure> {
    let refuse = |_| Failure::field(ErrorCode::InvalidQueryParameter, "username", UserName::RULE);
    // A bare `+`, which addresses may have, arrives as a space.
    caller.parameter("username")?.map(|text| text.replace(' ', "+").parse().map_err(refuse)).transpose()
}

/// The states of the filters, if there are some.
fn states(caller: &Caller) -> Result<Option<Vec<&'static str>>, Failure> {
    let mut wanted = Vec::new();
    for name in ["orgMembershipStatus", "orgMembershipStatuses"] {
        let words = caller.parameters(name);
        let words: Vec<&str> = words.iter().flat_map(|words| words.split(',')).collect();
        if words.len() > STATES {
            let rule = format!("must have at most {STATES} values");
            return Err(Failure::field(ErrorCode::InvalidQueryParameter, name, rule));
        }
        for word in words {
            let known = ["ACTIVE", "PENDING"].into_iter().find(|known| *known == word);
            wanted.push(known.ok_or_else(|| {
                let text = format!("An invalid enumeration value {word} was specified.");
                Failure::field(ErrorCode::InvalidEnumValue, name, "must be ACTIVE or PENDING")
                    .saying(text, vec![word.to_owned()])
            })?);
        }
    }
    Ok((!wanted.is_empty()).then_some(wanted))
}

const fn state(member: &MemberRow) -> &'static str {
    match member {
        MemberRow::Active(_) => "ACTIVE",
        MemberRow::Pending(_) => "PENDING",
    }
}

fn show(member: &MemberRow) -> OrgUser {
    let shown = OrgUser {
        org_membership_status: state(member).to_owned(),
        roles: roles::show(member.roles()),
        username: member.name().to_string(),
        ..OrgUser::default()
    };
    match member {
        MemberRow::Active(row) => {
            OrgUser { created_at: Some(row.added_at.to_seconds_text()), id: row.id.to_string(), ..shown }
        }
        MemberRow::Pending(row) => OrgUser {
            id: row.id.to_string(),
            invitation_created_at: Some(row.created_at.to_seconds_text()),
            invitation_expires_at: Some(row.expires_at.to_seconds_text()),
            inviter_username: row.inviter.clone(),
            ..shown
        },
    }
}

fn show_in_project(member: &MemberRow, project: ProjectId) -> GroupUser {
    let user = show(member);
    let roles = member.roles().projects.get(&project);
    GroupUser {
        created_at: user.created_at,
        id: user.id,
        invitation_created_at: user.invitation_created_at,
        invitation_expires_at: user.invitation_expires_at,
        inviter_username: user.inviter_username,
        org_membership_status: user.org_membership_status,
        roles: roles.into_iter().flatten().map(ToString::to_string).collect(),
        username: user.username,
    }
}
