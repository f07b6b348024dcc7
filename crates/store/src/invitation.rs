//! Invitations: single-use, 7 days, only the SHA-256 of the token is stored. The first one of an organization makes
//! its first owner; claiming it is the first leaf of the organization's log.
//!
//! An administrator can invite a first owner only while nobody has claimed the organization.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{InvitationId, OrgId, UserId};
use byleave_core::name::{OrgName, UserName};
use byleave_core::policy::{Action, INVITED_FOR, Resource, may};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::{Reading, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::authority::{self, Holder, present, require, require_in_organization};
use crate::error::{Conflict, StoreError, Thing};
use crate::event;
use crate::inventory;
use crate::organization;
use crate::password_reset;
use crate::recovery;
use crate::row;
use crate::seal::Secret;
use crate::sql::{Row, Sql, query};
use crate::store::Store;
use crate::transaction::{Transaction, Written};
use crate::user;

/// A new invitation. The token is shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invited {
    /// The organization.
    pub organization: OrgId,
    /// The invitation.
    pub invitation: InvitationId,
    /// What the invited person needs to claim it: 64 hexadecimal digits.
    pub token: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What becomes of a new organization whose name another one has: two customers can be called alike, but mostly it is the
/// same one, whose invitation was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameName {
    /// It is made beside the other one.
    Another,
    /// It is refused.
    Refused,
}

/// What the holder of a token may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationFacts {
    /// The organization.
    pub organization: OrgId,
    /// Its name.
    pub organization_name: OrgName,
    /// Who is invited.
    pub user_name: UserName,
    /// With which roles.
    pub roles: Roles,
    /// What claiming it makes of them.
    pub purpose: Purpose,
    /// Until when it can be claimed.
    pub expires_at: Timestamp,
}

/// What claiming an invitation makes of its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The first owner, who claims the organization.
    FirstOwner,
    /// A new user.
    Join,
    /// The user that they are, with a new password.
    NewPassword {
        /// The user.
        user: UserId,
    },
}

/// An invitation that was neither claimed nor replaced, as owners see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRow {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub user_name: UserName,
    /// With which roles.
    pub roles: Roles,
    /// Who invited: the name of a user, or the public part of an API key; `None` for old invitations.
    pub inviter: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be claimed.
    pub expires_at: Timestamp,
}

/// A new user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// The user.
    pub user: UserId,
    /// Their organization.
    pub organization: OrgId,
}

impl Store {
    /// Creates an organization and invites its first owner.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an administrator, [`StoreError::Conflict`] if the user name is
    /// taken, or the organization's name and none beside it was asked for.
    pub async fn invite_organization(
        &self,
        actor: &Actor,
        now: &Reading,
        (name, same_name): (OrgName, SameName),
        owner: UserName,
    ) -> Result<Written<Invited>, StoreError> {
        let actor = actor.clone();
        let body = self.write("invite organization", now, move |tx| {
            let resource = Resource::Installation;
            require(tx.sql, &actor, Action::InviteFirstOwner, resource, Thing::Installation)?;
            if same_name == SameName::Refused {
                refuse_same_name(tx.sql, &name)?;
            }
            let organization = organization::create(tx, &name)?;
            invite_first_owner(tx, organization, name, owner)
        });
        body.await
    }

    /// Invites the first owner anew, in place of the former invitation.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the organization is claimed or the user name is taken.
    pub async fn invite_first_owner_again(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        owner: UserName,
    ) -> Result<Written<Invited>, StoreError> {
        let actor = actor.clone();
        let body = self.write("invite first owner again", now, move |tx| {
            let resource = Resource::Installation;
            require(tx.sql, &actor, Action::InviteFirstOwner, resource, Thing::Organization)?;
            let row = organization::load(tx.sql, organization)?;
            if row.claimed_at.is_some() {
                return Err(StoreError::Conflict(Conflict::Claimed));
            }
            let open = "UPDATE invitations SET closed = 'replaced', closed_at = $2
                            WHERE organization = $1 AND closed_at IS NULL";
            query(open).bind(organization.to_string()).bind(tx.at().millis()).execute(tx.sql)?;
            invite_first_owner(tx, organization, row.name, owner)
        });
        body.await
    }

    /// Invites a person to the organization, in place of a former invitation of the same name.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] if the user name is taken,
    /// [`StoreError::Refused`] for roles that are none.
    pub async fn invite_user(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserName,
        roles: Roles,
    ) -> Result<Written<Invited>, StoreError> {
        let actor = actor.clone();
        let body = self.write("invite user", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::ManageUsers, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::Organization))?;
            let replaced = "UPDATE invitations SET closed = 'replaced', closed_at = $3
                                WHERE organization = $1 AND user_name = $2 AND closed_at IS NULL";
            query(replaced)
                .bind(organization.to_string())
                .bind(user.as_str())
                .bind(tx.at().millis())
                .execute(tx.sql)?;
            let invited = invite(tx, organization, &user, &roles, Some(&by))?;
            let (invitation, user_name) = (invited.invitation, tx.erasable(&user));
            tx.append(organization, by, Event::UserInvited { invitation, user_name, roles })?;
            Ok(invited)
        });
        body.await
    }

    /// The invitations of an organization that can still be claimed, by user name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization, [`StoreError::Forbidden`] unless an owner.
    pub async fn invitations(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Vec<InvitationRow>, StoreError> {
        let mut sql = self.read()?;
        require_in_organization(&mut sql, actor, Action::ReadInvitations, organization)?;
        let at = self.judged(&sql, now).at;
        all(&mut sql, organization, at)
    }

    /// What the holder of a token may see before claiming.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a token that cannot be claimed, whatever the cause.
    pub async fn invitation(&self, token: &str, now: &Reading) -> Result<InvitationFacts, StoreError> {
        let mut sql = self.read()?;
        let at = self.judged(&sql, now).at;
        Ok(open(&mut sql, token, at)?.1)
    }

    /// Claims an invitation: the person becomes a user with this password. The first owner's claim writes
    /// `organization.claimed` and the inventory as it stands.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a token that cannot be claimed, [`StoreError::Conflict`] if the user name was
    /// taken meanwhile.
    pub async fn claim(
        &self,
        token: &str,
        password_hash: Secret,
        now: &Reading,
    ) -> Result<Written<Claimed>, StoreError> {
        let token = Secret::new(token.to_owned());
        let body = self.write("claim", now, move |tx| {
            let at = tx.at();
            let (id, facts) = open(tx.sql, token.expose(), at)?;
            recovery::refuse_in_doubt(tx, id)?;
            query("UPDATE invitations SET closed = 'claimed', closed_at = $2 WHERE id = $1")
                .bind(id.to_string())
                .bind(at.millis())
                .execute(tx.sql)?;
            let organization = facts.organization;
            if let Purpose::NewPassword { user } = facts.purpose {
                password_reset::carry_out(tx, (organization, id), user, &password_hash)?;
                return Ok(Claimed { user, organization });
            }
            let user = add(tx, facts, &password_hash)?;
            Ok(Claimed { user, organization })
        });
        body.await
    }
}

/// Makes a user of who was invited.
fn add(tx: &mut Transaction<'_>, facts: InvitationFacts, password_hash: &Secret) -> Result<UserId, StoreError> {
    refuse_taken(tx.sql, &facts.user_name)?;
    let organization = facts.organization;
    let user = user::insert(tx, organization, &facts.user_name, password_hash)?;
    authority::set_roles(tx.sql, organization, Holder::User(user), &facts.roles)?;
    match facts.purpose {
        Purpose::FirstOwner => claim_organization(tx, user, facts)?,
        Purpose::Join | Purpose::NewPassword { .. } => {
            let user_name = tx.erasable(&facts.user_name);
            let event = Event::UserAdded { user, user_name, roles: facts.roles };
            tx.append(organization, By::User(user), event)?;
        }
    }
    Ok(user)
}

fn invite_first_owner(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    name: OrgName,
    owner: UserName,
) -> Result<Invited, StoreError> {
    let invited = invite(tx, organization, &owner, &Roles::in_organization([OrgRole::Owner]), None)?;
    let event = Event::OrganizationInvited { organization, name, invitation: invited.invitation };
    tx.append_installation(By::Administrator, event)?;
    Ok(invited)
}

/// Invites a person; without somebody who does it, the first owner.
pub(crate) fn invite(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    user: &UserName,
    roles: &Roles,
    by: Option<&By>,
) -> Result<Invited, StoreError> {
    refuse_taken(tx.sql, user)?;
    let invitation = InvitationId::from_bytes(tx.random());
    let token = Secret::new(hex::encode(tx.random::<32>()));
    let expires_at = tx.at().plus(INVITED_FOR);
    query(
        "INSERT INTO invitations (id, organization, user_name, token_hash, first_owner, created_at, expires_at,
                                  invited_by, closed_at, closed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, NULL)",
    )
    .bind(invitation.to_string())
    .bind(organization.to_string())
    .bind(user.as_str())
    .bind(token_hash(token.expose()).to_vec())
    .bind(i64::from(by.is_none()))
    .bind(tx.at().millis())
    .bind(expires_at.millis())
    .bind(by.map(row::field_text).transpose()?)
    .execute(tx.sql)?;
    authority::set_roles(tx.sql, organization, Holder::Invitation(invitation), roles)?;
    Ok(Invited { organization, invitation, token, expires_at })
}

/// The invitations of an organization that can still be claimed, by user name.
pub(crate) fn all(sql: &mut Sql, organization: OrgId, at: Timestamp) -> Result<Vec<InvitationRow>, StoreError> {
    let rows = query(
        "SELECT id, user_name, invited_by, created_at, expires_at FROM invitations
         WHERE organization = $1 AND closed_at IS NULL AND expires_at > $2 AND first_owner = 0 AND resets IS NULL
         ORDER BY user_name",
    )
    .bind(organization.to_string())
    .bind(at.millis())
    .fetch_all(&mut *sql)?;
    let mut found = Vec::new();
    for row in &rows {
        if !stands(sql, row, organization, Action::ManageUsers)? {
            continue;
        }
        let id: InvitationId = row::text(row, "id")?;
        let inviter = match row::field_or_none::<By>(row, "invited_by")? {
            Some(by) => event::name_of(sql, &by)?,
            None => None,
        };
        found.push(InvitationRow {
            id,
            user_name: row::text(row, "user_name")?,
            roles: authority::roles(sql, Holder::Invitation(id))?,
            inviter,
            created_at: row::instant(row, "created_at")?,
            expires_at: row::instant(row, "expires_at")?,
        });
    }
    Ok(found)
}

/// Takes back an invitation that can be claimed. Whoever calls has asked whether the actor may.
pub(crate) fn withdraw(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    by: By,
    id: InvitationId,
) -> Result<(), StoreError> {
    query("UPDATE invitations SET closed = 'replaced', closed_at = $2 WHERE id = $1 AND closed_at IS NULL")
        .bind(id.to_string())
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    tx.append(organization, by, Event::InvitationWithdrawn { invitation: id })?;
    Ok(())
}

/// Gives an invitation other roles. Whoever calls has asked whether the actor may.
pub(crate) fn set_roles(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    by: By,
    row: &InvitationRow,
    roles: Roles,
) -> Result<(), StoreError> {
    if row.roles == roles {
        return Ok(());
    }
    authority::set_roles(tx.sql, organization, Holder::Invitation(row.id), &roles)?;
    tx.append(organization, by, Event::InvitationChanged { invitation: row.id, roles })?;
    Ok(())
}

/// Names of organizations are compared as people read them: `shop inc` beside `Shop Inc` is mostly the same customer.
fn refuse_same_name(sql: &mut Sql, name: &OrgName) -> Result<(), StoreError> {
    let folded = name.folded();
    for row in query("SELECT name FROM organizations").fetch_all(sql)? {
        if row::text::<OrgName>(&row, "name")?.folded() == folded {
            return Err(StoreError::Conflict(Conflict::OrganizationNameTaken));
        }
    }
    Ok(())
}

/// Whether who made an invitation or a link for a new password may still do that: whoever holds one made by somebody else
/// could give away what they have no longer. The first owner's and a recovery's are the vendor's, and of old ones nobody
/// knows.
pub(crate) fn stands(sql: &mut Sql, row: &Row, organization: OrgId, action: Action) -> Result<bool, StoreError> {
    let roles = Roles::default();
    let maker = match row::field_or_none::<By>(row, "invited_by")? {
        Some(By::ApiKey(id)) => Actor::ApiKey { id, organization, roles },
        Some(By::ServiceAccount(id)) => Actor::ServiceAccount { id, organization, roles },
        Some(By::User(id)) => Actor::User { id, organization, roles },
        Some(By::Employee(_) | By::System) => return Ok(false),
        Some(By::Administrator) | None => return Ok(true),
    };
    Ok(may(&present(sql, &maker)?, action, Resource::Organization(organization)).is_ok())
}

/// Takes back what somebody made who may make it no longer. It stays so if they may again.
pub(crate) fn void_made_by(tx: &mut Transaction<'_>, maker: &By) -> Result<(), StoreError> {
    query("UPDATE invitations SET closed = 'replaced', closed_at = $2 WHERE invited_by = $1 AND closed_at IS NULL")
        .bind(row::field_text(maker)?)
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    Ok(())
}

/// User names are unique in the installation, so that no identity is two parties'.
pub(crate) fn refuse_taken(sql: &mut Sql, name: &UserName) -> Result<(), StoreError> {
    let known =
        query("SELECT id FROM users WHERE name = $1 AND removed_at IS NULL").bind(name.as_str()).fetch_optional(sql)?;
    if known.is_some() { Err(StoreError::Conflict(Conflict::UserNameTaken)) } else { Ok(()) }
}

/// The invitation of a token that can be claimed now.
fn open(sql: &mut Sql, token: &str, at: Timestamp) -> Result<(InvitationId, InvitationFacts), StoreError> {
    let row = query(
        "SELECT invitations.id, invitations.organization, invitations.user_name, invitations.first_owner,
                invitations.expires_at, invitations.resets, invitations.invited_by, organizations.name AS organization_name
         FROM invitations JOIN organizations ON organizations.id = invitations.organization
         WHERE invitations.token_hash = $1 AND invitations.closed_at IS NULL AND invitations.expires_at > $2
           AND (invitations.first_owner = 1) = (organizations.claimed_at IS NULL)
           AND (invitations.resets IS NULL
                OR EXISTS (SELECT id FROM users WHERE id = invitations.resets AND removed_at IS NULL))",
    )
    .bind(token_hash(token).to_vec())
    .bind(at.millis())
    .fetch_optional(&mut *sql)?;
    let row = row.ok_or(StoreError::NotFound(Thing::Invitation))?;
    let id: InvitationId = row::text(&row, "id")?;
    let purpose = match (row::flag(&row, "first_owner")?, row::text_or_none(&row, "resets")?) {
        (true, None) => Purpose::FirstOwner,
        (false, None) => Purpose::Join,
        (false, Some(user)) => Purpose::NewPassword { user },
        (true, Some(_)) => return Err(StoreError::corrupt("a first owner with a new password")),
    };
    let organization = row::text(&row, "organization")?;
    let making = match purpose {
        Purpose::FirstOwner => Action::InviteFirstOwner,
        Purpose::Join => Action::ManageUsers,
        Purpose::NewPassword { .. } => Action::ResetPassword,
    };
    if !stands(sql, &row, organization, making)? {
        return Err(StoreError::NotFound(Thing::Invitation));
    }
    let facts = InvitationFacts {
        organization,
        organization_name: row::text(&row, "organization_name")?,
        user_name: row::text(&row, "user_name")?,
        roles: authority::roles(sql, Holder::Invitation(id))?,
        purpose,
        expires_at: row::instant(&row, "expires_at")?,
    };
    Ok((id, facts))
}

/// The first leaf of an organization's log, and the inventory as it stands.
fn claim_organization(tx: &mut Transaction<'_>, owner: UserId, facts: InvitationFacts) -> Result<(), StoreError> {
    let organization = facts.organization;
    query("UPDATE organizations SET claimed_at = $2 WHERE id = $1")
        .bind(organization.to_string())
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    let ssh_ca = organization::ca_public(tx.sql, organization)?;
    let user_name = tx.erasable(&facts.user_name);
    let claimed = Event::OrganizationClaimed { organization, name: facts.organization_name, owner, user_name, ssh_ca };
    tx.append(organization, By::User(owner), claimed)?;
    for event in inventory::snapshot(tx.sql, organization)? {
        tx.append(organization, By::System, event)?;
    }
    tx.touch_organization(organization);
    Ok(())
}

pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}
