//! Users: a customer's people, each of one organization, with a user name that is unique in the installation.

use byleave_core::actor::{Actor, By};
use byleave_core::event::Event;
use byleave_core::id::{OrgId, UserId};
use byleave_core::name::UserName;
use byleave_core::policy::{Action, Refusal};
use byleave_core::role::{OrgRole, Roles};
use byleave_core::time::{Reading, Timestamp};

use crate::authority::{self, Holder, require_in_organization};
use crate::error::{Conflict, StoreError, Thing};
use crate::invitation;
use crate::password_reset;
use crate::row;
use crate::seal::Secret;
use crate::sql::{Sql, query};
use crate::store::Store;
use crate::tag::Tag;
use crate::transaction::{Transaction, Written};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// Their id.
    pub id: UserId,
    /// The organization.
    pub organization: OrgId,
    /// The name they sign in with.
    pub name: UserName,
    /// Their roles.
    pub roles: Roles,
    /// When they joined.
    pub added_at: Timestamp,
}

impl UserRow {
    /// The tag of what can be changed of them.
    pub fn tag(&self) -> Tag {
        Tag::of(&(&self.id, &self.name, &self.roles))
    }
}

/// What signing in needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInFacts {
    /// The user.
    pub user: UserId,
    /// The organization.
    pub organization: OrgId,
    /// The password's hash in PHC form.
    pub password_hash: Secret,
}

impl Store {
    /// The users of an organization, by name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the actor may not know of the organization.
    pub async fn users(&self, actor: &Actor, organization: OrgId) -> Result<Vec<UserRow>, StoreError> {
        let mut sql = self.read()?;
        require_in_organization(&mut sql, actor, Action::ReadOrganization, organization)?;
        let rows = query("SELECT id FROM users WHERE organization = $1 AND removed_at IS NULL ORDER BY name")
            .bind(organization.to_string())
            .fetch_all(&mut sql)?;
        let mut found = Vec::new();
        for row in &rows {
            found.push(load(&mut sql, organization, row::text(row, "id")?)?);
        }
        Ok(found)
    }

    /// Gives a user these roles in place of the former ones.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] for the last owner,
    /// [`StoreError::Refused`] for roles that are none, [`StoreError::Stale`] if the user is not as expected.
    pub async fn change_roles(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserId,
        roles: Roles,
    ) -> Result<Written<UserRow>, StoreError> {
        let actor = actor.clone();
        let body = self.write("change roles", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::ManageUsers, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::User))?;
            let row = load(tx.sql, organization, user)?;
            tx.expect(|| row.tag())?;
            set_roles(tx, &by, &row, roles)?;
            load(tx.sql, organization, user)
        });
        body.await
    }

    /// Removes a user and closes their web sessions. The grants they gave stand.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is an owner, [`StoreError::Conflict`] for the last owner.
    pub async fn remove_user(
        &self,
        actor: &Actor,
        now: &Reading,
        organization: OrgId,
        user: UserId,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("remove user", now, move |tx| {
            require_in_organization(tx.sql, &actor, Action::ManageUsers, organization)?;
            let by = actor.by().ok_or(StoreError::NotFound(Thing::User))?;
            let row = load(tx.sql, organization, user)?;
            remove(tx, by, &row)
        });
        body.await
    }

    /// Sets the actor's own password in place of the one with the hash `former`, and closes their other web sessions;
    /// `keep` is the token's hash of the present one.
    ///
    /// # Errors
    /// [`StoreError::Forbidden`] unless the actor is a user, [`StoreError::Conflict`] if the former password has been
    /// changed meanwhile.
    pub async fn set_password(
        &self,
        actor: &Actor,
        now: &Reading,
        former: Secret,
        password_hash: Secret,
        keep: Option<[u8; 32]>,
    ) -> Result<Written<()>, StoreError> {
        let actor = actor.clone();
        let body = self.write("set password", now, move |tx| {
            let Actor::User { id, organization, .. } = actor else {
                return Err(StoreError::Forbidden(Refusal::Forbidden));
            };
            load(tx.sql, organization, id)?;
            let set = query("UPDATE users SET password_hash = $2 WHERE id = $1 AND password_hash = $3")
                .bind(id.to_string())
                .bind(password_hash.expose())
                .bind(former.expose())
                .execute(tx.sql)?;
            if set == 0 {
                return Err(StoreError::Conflict(Conflict::PasswordChanged));
            }
            close_web_sessions(tx, id, keep)?;
            password_reset::void(tx, id)?;
            tx.append(organization, By::User(id), Event::UserPasswordChanged { user: id })?;
            Ok(())
        });
        body.await
    }

    /// What signing in with this name needs; `None` if there is no such user.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it cannot be read.
    pub async fn sign_in_facts(&self, name: &UserName) -> Result<Option<SignInFacts>, StoreError> {
        let row = query("SELECT id, organization, password_hash FROM users WHERE name = $1 AND removed_at IS NULL")
            .bind(name.as_str())
            .fetch_optional(&mut *self.read()?)?;
        let facts = |row| {
            let (user, organization) = (row::text(&row, "id")?, row::text(&row, "organization")?);
            let password_hash = Secret::new(row::raw(&row, "password_hash")?);
            Ok(SignInFacts { user, organization, password_hash })
        };
        row.map(facts).transpose()
    }
}

/// A user who was not removed.
pub(crate) fn load(sql: &mut Sql, organization: OrgId, id: UserId) -> Result<UserRow, StoreError> {
    let row = query("SELECT name, added_at FROM users WHERE id = $1 AND organization = $2 AND removed_at IS NULL")
        .bind(id.to_string())
        .bind(organization.to_string())
        .fetch_optional(&mut *sql)?;
    let row = row.ok_or(StoreError::NotFound(Thing::User))?;
    Ok(UserRow {
        id,
        organization,
        name: row::text(&row, "name")?,
        roles: authority::roles(sql, Holder::User(id))?,
        added_at: row::instant(&row, "added_at")?,
    })
}

/// Writes a new user, without roles.
pub(crate) fn insert(
    tx: &mut Transaction<'_>,
    organization: OrgId,
    name: &UserName,
    password_hash: &Secret,
) -> Result<UserId, StoreError> {
    let id = UserId::from_bytes(tx.random());
    query(
        "INSERT INTO users (id, organization, name, password_hash, added_at, removed_at)
         VALUES ($1, $2, $3, $4, $5, NULL)",
    )
    .bind(id.to_string())
    .bind(organization.to_string())
    .bind(name.as_str())
    .bind(password_hash.expose())
    .bind(tx.at().millis())
    .execute(tx.sql)?;
    Ok(id)
}

/// Gives a user other roles. Whoever calls has asked whether the actor may.
pub(crate) fn set_roles(tx: &mut Transaction<'_>, by: &By, row: &UserRow, roles: Roles) -> Result<(), StoreError> {
    if row.roles == roles {
        return Ok(());
    }
    if !roles.has(OrgRole::Owner) {
        keep_an_owner(tx.sql, row)?;
        invitation::void_made_by(tx, &By::User(row.id))?;
    }
    authority::set_roles(tx.sql, row.organization, Holder::User(row.id), &roles)?;
    tx.append(row.organization, by.clone(), Event::UserRolesChanged { user: row.id, roles })?;
    Ok(())
}

/// Removes a user. Whoever calls has asked whether the actor may.
pub(crate) fn remove(tx: &mut Transaction<'_>, by: By, row: &UserRow) -> Result<(), StoreError> {
    keep_an_owner(tx.sql, row)?;
    let user = row.id;
    query("UPDATE users SET removed_at = $2, password_hash = '' WHERE id = $1")
        .bind(user.to_string())
        .bind(tx.at().millis())
        .execute(tx.sql)?;
    query("DELETE FROM roles WHERE user_id = $1").bind(user.to_string()).execute(tx.sql)?;
    close_web_sessions(tx, user, None)?;
    password_reset::void(tx, user)?;
    invitation::void_made_by(tx, &By::User(user))?;
    tx.append(row.organization, by, Event::UserRemoved { user })?;
    Ok(())
}

/// Refuses if this is the last user with `ORG_OWNER`: keys do not count, nobody could sign in any more.
fn keep_an_owner(sql: &mut Sql, leaving: &UserRow) -> Result<(), StoreError> {
    if !leaving.roles.has(OrgRole::Owner) {
        return Ok(());
    }
    let row = query(
        "SELECT COUNT(*) AS others FROM users JOIN roles ON roles.user_id = users.id
         WHERE users.organization = $1 AND users.id <> $2 AND users.removed_at IS NULL AND roles.role = 'ORG_OWNER'",
    )
    .bind(leaving.organization.to_string())
    .bind(leaving.id.to_string())
    .fetch_one(sql)?;
    if row::count(&row, "others")? > 0 { Ok(()) } else { Err(StoreError::Conflict(Conflict::LastOwner)) }
}

/// Ends the sign-ins of a user, but the one to keep.
pub(crate) fn close_web_sessions(
    tx: &mut Transaction<'_>,
    user: UserId,
    keep: Option<[u8; 32]>,
) -> Result<(), StoreError> {
    query("DELETE FROM web_sessions WHERE user_id = $1 AND token_hash <> $2")
        .bind(user.to_string())
        .bind(keep.map_or_else(Vec::new, |hash| hash.to_vec()))
        .execute(tx.sql)?;
    Ok(())
}
