//! Byleave's own paths, `/api/byleave/v1`: what the pages and the command line need besides Atlas's.

mod api_keys;
mod clock;
mod clusters;
mod employees;
mod events;
mod evidence;
mod grants;
mod health;
mod identifiers;
mod inventory;
mod invitations;
mod nodes;
mod organizations;
mod password_resets;
mod recovery;
mod requests;
mod session;
mod sessions;
mod stream;
mod users;

pub(in crate::api) use organizations::change_settings;

use crate::api::version::NONE;

routes! {
    GET "/api/byleave/v1/health" as ["/api/byleave/v1/health"] => health::health, NONE;
    GET "/api/byleave/v1/ready" as ["/api/byleave/v1/ready"] => health::ready, NONE;
    GET "/api/byleave/v1/key" as ["/api/byleave/v1/key"] => evidence::key, NONE;
    GET "/api/byleave/v1/session" as ["/api/byleave/v1/session"] => session::get, NONE;
    POST "/api/byleave/v1/session" as ["/api/byleave/v1/session"] => session::post, NONE;
    DELETE "/api/byleave/v1/session" as ["/api/byleave/v1/session"] => session::delete, NONE;
    POST "/api/byleave/v1/session/refresh" as ["/api/byleave/v1/session/refresh"] => session::refresh, NONE;
    POST "/api/byleave/v1/session/password" as ["/api/byleave/v1/session/password"] => session::password, NONE;
    GET "/api/byleave/v1/invitations/{textAndVerb}" as ["/api/byleave/v1/invitations/{token}"] => invitations::get, NONE;
    POST "/api/byleave/v1/invitations/{textAndVerb}" as ["/api/byleave/v1/invitations/{token}:claim"] => invitations::post, NONE;
    POST "/api/byleave/v1/organizations" as ["/api/byleave/v1/organizations"] => organizations::post, NONE;
    POST "/api/byleave/v1/organizations/{orgAndVerb}" as [
        "/api/byleave/v1/organizations/{orgId}:inviteOwner",
        "/api/byleave/v1/organizations/{orgId}:recoverOwner",
        "/api/byleave/v1/organizations/{orgId}:inviteRecoveredOwner",
        "/api/byleave/v1/organizations/{orgId}:stopRecovery"
    ] => organizations::verb, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/recovery" as ["/api/byleave/v1/organizations/{orgId}/recovery"] => recovery::get, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/settings" as ["/api/byleave/v1/organizations/{orgId}/settings"] => organizations::settings, NONE;
    PATCH "/api/byleave/v1/organizations/{orgId}/settings" as ["/api/byleave/v1/organizations/{orgId}/settings"] => organizations::patch_settings, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/users" as ["/api/byleave/v1/organizations/{orgId}/users"] => users::list, NONE;
    POST "/api/byleave/v1/organizations/{orgId}/users" as ["/api/byleave/v1/organizations/{orgId}/users"] => users::invite, NONE;
    POST "/api/byleave/v1/organizations/{orgId}/users/{idAndVerb}" as ["/api/byleave/v1/organizations/{orgId}/users/{id}:resetPassword"] => users::post, NONE;
    PATCH "/api/byleave/v1/organizations/{orgId}/users/{idAndVerb}" as ["/api/byleave/v1/organizations/{orgId}/users/{id}"] => users::patch, NONE;
    DELETE "/api/byleave/v1/organizations/{orgId}/users/{idAndVerb}" as ["/api/byleave/v1/organizations/{orgId}/users/{id}"] => users::delete, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/invitations" as ["/api/byleave/v1/organizations/{orgId}/invitations"] => users::invitations, NONE;
    DELETE "/api/byleave/v1/organizations/{orgId}/invitations/{id}" as ["/api/byleave/v1/organizations/{orgId}/invitations/{id}"] => users::withdraw, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/passwordResets" as ["/api/byleave/v1/organizations/{orgId}/passwordResets"] => password_resets::list, NONE;
    DELETE "/api/byleave/v1/organizations/{orgId}/passwordResets/{id}" as ["/api/byleave/v1/organizations/{orgId}/passwordResets/{id}"] => password_resets::withdraw, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/apiKeys" as ["/api/byleave/v1/organizations/{orgId}/apiKeys"] => api_keys::list, NONE;
    POST "/api/byleave/v1/organizations/{orgId}/apiKeys" as ["/api/byleave/v1/organizations/{orgId}/apiKeys"] => api_keys::post, NONE;
    DELETE "/api/byleave/v1/organizations/{orgId}/apiKeys/{id}" as ["/api/byleave/v1/organizations/{orgId}/apiKeys/{id}"] => api_keys::delete, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/clusters" as ["/api/byleave/v1/organizations/{orgId}/clusters"] => clusters::of_organization, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/sessions" as ["/api/byleave/v1/organizations/{orgId}/sessions"] => sessions::of_organization, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/events" as ["/api/byleave/v1/organizations/{orgId}/events"] => events::of_organization, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/events/stream" as ["/api/byleave/v1/organizations/{orgId}/events/stream"] => stream::of_organization, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/evidence" as ["/api/byleave/v1/organizations/{orgId}/evidence"] => evidence::export, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/checkpoint" as ["/api/byleave/v1/organizations/{orgId}/checkpoint"] => evidence::checkpoint, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/inclusion" as ["/api/byleave/v1/organizations/{orgId}/inclusion"] => evidence::inclusion, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/log/checkpoint" as ["/api/byleave/v1/organizations/{orgId}/log/checkpoint"] => evidence::note, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/log/tile/{*tile}" as ["/api/byleave/v1/organizations/{orgId}/log/tile/{tile}"] => evidence::tile, NONE;
    GET "/api/byleave/v1/groups/{groupId}/grants" as ["/api/byleave/v1/groups/{groupId}/grants"] => grants::list, NONE;
    GET "/api/byleave/v1/groups/{groupId}/clusters/{clusterAndVerb}" as ["/api/byleave/v1/groups/{groupId}/clusters/{clusterName}"] => clusters::get, NONE;
    POST "/api/byleave/v1/groups/{groupId}/clusters/{clusterAndVerb}" as [
        "/api/byleave/v1/groups/{groupId}/clusters/{clusterName}:grant",
        "/api/byleave/v1/groups/{groupId}/clusters/{clusterName}:revoke"
    ] => grants::post, NONE;
    GET "/api/byleave/v1/organizations/{orgId}/requests" as ["/api/byleave/v1/organizations/{orgId}/requests"] => requests::of_organization, NONE;
    GET "/api/byleave/v1/groups/{groupId}/requests" as ["/api/byleave/v1/groups/{groupId}/requests"] => requests::of_project, NONE;
    GET "/api/byleave/v1/requests/{idAndVerb}" as ["/api/byleave/v1/requests/{id}"] => requests::get, NONE;
    POST "/api/byleave/v1/requests/{idAndVerb}" as ["/api/byleave/v1/requests/{id}:approve", "/api/byleave/v1/requests/{id}:decline"] => requests::post, NONE;
    GET "/api/byleave/v1/sessions/{idAndVerb}" as ["/api/byleave/v1/sessions/{id}"] => sessions::get, NONE;
    POST "/api/byleave/v1/sessions/{idAndVerb}" as ["/api/byleave/v1/sessions/{id}:end"] => sessions::post, NONE;
    GET "/api/byleave/v1/sessions/{id}/recording" as ["/api/byleave/v1/sessions/{id}/recording"] => sessions::recording, NONE;
    GET "/api/byleave/v1/live" as ["/api/byleave/v1/live"] => sessions::live, NONE;
    GET "/api/byleave/v1/employees" as ["/api/byleave/v1/employees"] => employees::list, NONE;
    POST "/api/byleave/v1/employees" as ["/api/byleave/v1/employees"] => employees::add, NONE;
    POST "/api/byleave/v1/employees/{idAndVerb}" as ["/api/byleave/v1/employees/{id}:disable", "/api/byleave/v1/employees/{id}:enable"] => employees::post, NONE;
    POST "/api/byleave/v1/employees/{id}/keys" as ["/api/byleave/v1/employees/{id}/keys"] => employees::add_key, NONE;
    DELETE "/api/byleave/v1/employees/{id}/keys/{key}" as ["/api/byleave/v1/employees/{id}/keys/{key}"] => employees::remove_key, NONE;
    POST "/api/byleave/v1/identifiers:resolve" as ["/api/byleave/v1/identifiers:resolve"] => identifiers::resolve, NONE;
    GET "/api/byleave/v1/inventory" as ["/api/byleave/v1/inventory"] => inventory::get, NONE;
    POST "/api/byleave/v1/inventory:plan" as ["/api/byleave/v1/inventory:plan"] => inventory::plan, NONE;
    POST "/api/byleave/v1/inventory:apply" as ["/api/byleave/v1/inventory:apply"] => inventory::apply, NONE;
    POST "/api/byleave/v1/inventory:setSyncCredential" as ["/api/byleave/v1/inventory:setSyncCredential"] => inventory::set_sync_credential, NONE;
    GET "/api/byleave/v1/nodes/{id}/setup" as ["/api/byleave/v1/nodes/{id}/setup"] => nodes::setup, NONE;
    POST "/api/byleave/v1/nodes/{idAndVerb}" as ["/api/byleave/v1/nodes/{id}:check", "/api/byleave/v1/nodes/{id}:acceptRisk"] => nodes::post, NONE;
    POST "/api/byleave/v1/clock:leaveDoubt" as ["/api/byleave/v1/clock:leaveDoubt"] => clock::leave_doubt, NONE;
}
