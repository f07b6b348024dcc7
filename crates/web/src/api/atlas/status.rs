//! The state of the system, which clients ask for to see whether their key works.

use axum::response::Response;
use byleave_api::atlas::{ApiKeyOfCaller, RoleAssignment, SystemStatus};
use byleave_core::actor::Actor;
use byleave_core::id::OrgId;
use byleave_core::role::Roles;

use crate::api::caller::Caller;
use crate::api::error::Failure;

/// Shows it to everybody who signs in.
pub(super) async fn get(caller: Caller) -> Result<Response, Failure> {
    let api_key = match &caller.actor {
        Actor::ApiKey { id, organization, roles } => Some(ApiKeyOfCaller {
            id: id.to_string(),
            public_key: caller.ask(caller.app.store.own_public_key(&caller.actor)).await?.unwrap_or_default(),
            roles: assignments(*organization, roles),
        }),
        Actor::Administrator
        | Actor::Employee { .. }
        | Actor::ServiceAccount { .. }
        | Actor::System
        | Actor::User { .. } => None,
    };
    caller.ok(&SystemStatus {
        api_key,
        app_name: "MongoDB Atlas".to_owned(),
        build: caller.app.store.options().version.clone(),
        links: vec![caller.link("/api/atlas/v2", "self")],
        throttling: false,
    })
}

/// Roles in Atlas's flat form.
fn assignments(organization: OrgId, roles: &Roles) -> Vec<RoleAssignment> {
    let of_organization = roles.organization.iter().map(|role| RoleAssignment {
        org_id: Some(organization.to_string()),
        role_name: role.to_string(),
        group_id: None,
    });
    let of_projects = roles.projects.iter().flat_map(|(project, roles)| {
        roles.iter().map(move |role| RoleAssignment {
            group_id: Some(project.to_string()),
            role_name: role.to_string(),
            org_id: None,
        })
    });
    of_organization.chain(of_projects).collect()
}
