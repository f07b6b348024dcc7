//! Members of an organization: its users, and those who are invited and have not joined yet. Each has one id.
//!
//! The rules are those of [`crate::user`] and [`crate::invitation`]; nothing here may go round them.

use byleave_core::actor::{Actor, By};
use byleave_core::id::{InvitationId, OrgId, UserId};
use byleave_core::name::UserName;
use byleave_core::policy::Action;
use byleave_core::role::{Roles, RolesChange};
use byleave_core::time::Reading;

use crate::authority::require_in_organization;
use crate::error::{StoreError, Thing};
use crate::invitation::{self, InvitationRow};
use crate::row;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};
use crate::user::{self, UserRow};

/// A user, or somebody who can become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRow {
    /// A user.
    Active(UserRow),
    /// An invitation that can still be claimed.
    Pending(InvitationRow),
}

impl MemberRow {
    /// The name they sign in with.
    pub const fn name(&self) -> &UserName {
        match self {
            Self::Active(row) => &row.name,
            Self::Pending(row) => &row.user_name,
        }
    }

    /// The tag of what can be changed of them.
    pub fn tag(&self) -> Tag {
        match self {
            Self::Active(row) => row.tag(),
            Self::Pending(row) => Tag::of(&(&row.id, &row.user_name, &row.roles)),
        }
    }

    /// Their roles.
    pub const fn roles(&self) -> &Roles {
        match self {
            Self::Active(row) => &row.roles,
            Self::Pending(row) => &row.roles,
        }
    }
}

impl Store {
    /// The members of an organization, by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn members(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let mut sql = self.read()?;
        require_in_organization(&mut sql, actor, Action::ReadOrganization, organization)?;
        let at = self.judged(&sql, now).at;
        let users = query("SELECT id FROM users WHERE organization = $1 AND removed_at IS NULL");
        let mut found = Vec::new();
        for row in &users.bind(organization.to_string()).fetch_all(&mut sql)? {
            found.push(MemberRow::Active(user::load(&mut sql, organization, row::text(row, "id")?)?));
        }
        found.extend(invitation::all(&mut sql, organization, at)?.into_iter().map(MemberRow::Pending));
        found.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(found)
    }

    /// One member.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none or the actor may not know of the organization.
    pub async fn member(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        id: UserId,
    ) -> Result<MemberRow, StoreError> {
        let mut sql = self.read()?;
        require_in_organization(&mut sql, actor, Action::ReadOrganization, organization)?;
        let at = self.judged(&sql, now).at;
        find(&mut sql, organization, id, at)
    }

    /// Changes the roles of a member.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] for the last owner,
    /// [`StoreError::Refused`] for roles that are none, [`StoreError::Stale`] if the member is not as expected.
    pub async fn change_member(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        id: UserId,
        change: RolesChange,
    ) -> Result<Written<MemberRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("change member", now, move |tx| {
            let (by, row) = found(tx, &actor, organization, id)?;
            tx.expect(|| row.tag())?;
            let roles = change.apply(row.roles());
            match &row {
                MemberRow::Active(row) => user::set_roles(tx, &by, row, roles)?,
                MemberRow::Pending(row) => invitation::set_roles(tx, organization, by, row, roles)?,
            }
            let at = tx.at();
            find(tx.sql, organization, id, at)
        });
        body.await
    }

    /// Removes a user, or takes an invitation back.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] for the last owner.
    pub async fn remove_member(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        id: UserId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("remove member", now, move |tx| {
            let (by, row) = found(tx, &actor, organization, id)?;
            match &row {
                MemberRow::Active(row) => user::remove(tx, by, row),
                MemberRow::Pending(row) => invitation::withdraw(tx, organization, by, row.id),
            }
        });
        body.await
    }

    /// Takes an invitation back that nobody has claimed.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::NotFound`] if there is none.
    pub async fn withdraw_invitation(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        id: InvitationId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("withdraw invitation", now, move |tx| {
            match found(tx, &actor, organization, UserId::from_bytes(*id.as_bytes()))? {
                (by, MemberRow::Pending(row)) => invitation::withdraw(tx, organization, by, row.id),
                (_, MemberRow::Active(_)) => Err(StoreError::NotFound(Thing::Invitation)),
            }
        });
        body.await
    }
}

/// A member whom the actor may manage.
fn found(
    tx: &mut Transaction<'_>,
    actor: &Actor,
    organization: OrgId,
    id: UserId,
) -> Result<(By, MemberRow), StoreError> {
    require_in_organization(tx.sql, actor, Action::ManageUsers, organization)?;
    let by = actor.by().ok_or(StoreError::NotFound(Thing::User))?;
    let at = tx.at();
    Ok((by, find(tx.sql, organization, id, at)?))
}

fn find(
    sql: &mut Sql,
    organization: OrgId,
    id: UserId,
    at: byleave_core::time::Timestamp,
) -> Result<MemberRow, StoreError> {
    match user::load(sql, organization, id) {
        Ok(row) => return Ok(MemberRow::Active(row)),
        Err(StoreError::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    let id = InvitationId::from_bytes(*id.as_bytes());
    let open = invitation::all(sql, organization, at)?;
    open.into_iter().find(|row| row.id == id).map(MemberRow::Pending).ok_or(StoreError::NotFound(Thing::User))
}
