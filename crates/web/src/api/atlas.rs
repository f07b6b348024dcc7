//! The paths that Atlas has, too, in Atlas's manner: versions by date, envelopes, pages.

mod access;
mod access_lists;
mod account;
mod activity;
mod api_keys;
mod clusters;
mod event_types;
mod events;
mod history;
mod invitations;
mod organizations;
mod projects;
mod roles;
mod service_accounts;
mod settings;
mod status;
mod users;

use crate::api::version::{ACCESS, ACCOUNTS, ACTIVITY, CLUSTERS, FIRST, PEOPLE};

routes! {
    GET "/api/atlas/v2" as ["/api/atlas/v2"] => status::get, FIRST;
    GET "/api/atlas/v2/clusters" as ["/api/atlas/v2/clusters"] => projects::with_clusters, FIRST;
    GET "/api/atlas/v2/orgs" as ["/api/atlas/v2/orgs"] => organizations::list, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}" as ["/api/atlas/v2/orgs/{orgId}"] => organizations::get, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/settings" as ["/api/atlas/v2/orgs/{orgId}/settings"] => settings::get, FIRST;
    PATCH "/api/atlas/v2/orgs/{orgId}/settings" as ["/api/atlas/v2/orgs/{orgId}/settings"] => settings::patch, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/groups" as ["/api/atlas/v2/orgs/{orgId}/groups"] => projects::of_organization, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/activityFeed" as ["/api/atlas/v2/orgs/{orgId}/activityFeed"] => activity::of_organization, ACTIVITY;
    GET "/api/atlas/v2/orgs/{orgId}/events" as ["/api/atlas/v2/orgs/{orgId}/events"] => events::of_organization, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/events/{id}" as ["/api/atlas/v2/orgs/{orgId}/events/{id}"] => events::one_of_organization, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/users" as ["/api/atlas/v2/orgs/{orgId}/users"] => users::of_organization, PEOPLE;
    POST "/api/atlas/v2/orgs/{orgId}/users" as ["/api/atlas/v2/orgs/{orgId}/users"] => users::invite, PEOPLE;
    GET "/api/atlas/v2/orgs/{orgId}/users/{idAndVerb}" as ["/api/atlas/v2/orgs/{orgId}/users/{id}"] => users::get, PEOPLE;
    PATCH "/api/atlas/v2/orgs/{orgId}/users/{idAndVerb}" as ["/api/atlas/v2/orgs/{orgId}/users/{id}"] => users::patch, PEOPLE;
    DELETE "/api/atlas/v2/orgs/{orgId}/users/{idAndVerb}" as ["/api/atlas/v2/orgs/{orgId}/users/{id}"] => users::delete, PEOPLE;
    POST "/api/atlas/v2/orgs/{orgId}/users/{idAndVerb}" as [
        "/api/atlas/v2/orgs/{orgId}/users/{id}:addRole",
        "/api/atlas/v2/orgs/{orgId}/users/{id}:removeRole"
    ] => users::post, PEOPLE;
    GET "/api/atlas/v2/orgs/{orgId}/invites" as ["/api/atlas/v2/orgs/{orgId}/invites"] => invitations::list, FIRST;
    POST "/api/atlas/v2/orgs/{orgId}/invites" as ["/api/atlas/v2/orgs/{orgId}/invites"] => invitations::post, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/invites/{id}" as ["/api/atlas/v2/orgs/{orgId}/invites/{id}"] => invitations::get, FIRST;
    DELETE "/api/atlas/v2/orgs/{orgId}/invites/{id}" as ["/api/atlas/v2/orgs/{orgId}/invites/{id}"] => invitations::delete, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/users" as ["/api/atlas/v2/groups/{groupId}/users"] => users::of_project, PEOPLE;
    GET "/api/atlas/v2/eventTypes" as ["/api/atlas/v2/eventTypes"] => event_types::list, FIRST;
    GET "/api/atlas/v2/groups" as ["/api/atlas/v2/groups"] => projects::list, FIRST;
    POST "/api/atlas/v2/groups" as ["/api/atlas/v2/groups"] => projects::create, FIRST;
    GET "/api/atlas/v2/groups/byName/{groupName}" as ["/api/atlas/v2/groups/byName/{groupName}"] => projects::by_name, FIRST;
    GET "/api/atlas/v2/groups/{groupId}" as ["/api/atlas/v2/groups/{groupId}"] => projects::get, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/activityFeed" as ["/api/atlas/v2/groups/{groupId}/activityFeed"] => activity::of_project, ACTIVITY;
    GET "/api/atlas/v2/groups/{groupId}/events" as ["/api/atlas/v2/groups/{groupId}/events"] => events::of_project, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/events/{id}" as ["/api/atlas/v2/groups/{groupId}/events/{id}"] => events::one_of_project, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/dbAccessHistory/clusters/{clusterName}" as ["/api/atlas/v2/groups/{groupId}/dbAccessHistory/clusters/{clusterName}"] => history::of_cluster, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/dbAccessHistory/processes/{hostname}" as ["/api/atlas/v2/groups/{groupId}/dbAccessHistory/processes/{hostname}"] => history::of_process, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/clusters" as ["/api/atlas/v2/groups/{groupId}/clusters"] => clusters::list, CLUSTERS;
    GET "/api/atlas/v2/groups/{groupId}/clusters/{clusterAndVerb}" as ["/api/atlas/v2/groups/{groupId}/clusters/{clusterName}"] => clusters::get, CLUSTERS;
    POST "/api/atlas/v2/groups/{groupId}/clusters/{clusterAndVerb}" as [
        "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}:grantMongoDBEmployeeAccess",
        "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}:revokeMongoDBEmployeeAccess"
    ] => access::post, ACCESS;
    GET "/api/atlas/v2/orgs/{orgId}/apiKeys" as ["/api/atlas/v2/orgs/{orgId}/apiKeys"] => api_keys::list, FIRST;
    POST "/api/atlas/v2/orgs/{orgId}/apiKeys" as ["/api/atlas/v2/orgs/{orgId}/apiKeys"] => api_keys::post, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}"] => api_keys::get, FIRST;
    PATCH "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}"] => api_keys::patch, FIRST;
    DELETE "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}"] => api_keys::delete, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList"] => access_lists::of_api_key, FIRST;
    POST "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList"] => access_lists::add_to_api_key, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}"] => access_lists::get, FIRST;
    DELETE "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}" as ["/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}"] => access_lists::remove_from_api_key, FIRST;
    GET "/api/atlas/v2/groups/{groupId}/apiKeys" as ["/api/atlas/v2/groups/{groupId}/apiKeys"] => api_keys::list, FIRST;
    POST "/api/atlas/v2/groups/{groupId}/apiKeys" as ["/api/atlas/v2/groups/{groupId}/apiKeys"] => api_keys::post, FIRST;
    POST "/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}" as ["/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}"] => api_keys::assign, FIRST;
    PATCH "/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}" as ["/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}"] => api_keys::patch, FIRST;
    DELETE "/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}" as ["/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}"] => api_keys::unassign, FIRST;
    GET "/api/atlas/v2/orgs/{orgId}/serviceAccounts" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts"] => service_accounts::list, ACCOUNTS;
    POST "/api/atlas/v2/orgs/{orgId}/serviceAccounts" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts"] => service_accounts::post, ACCOUNTS;
    GET "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}"] => service_accounts::get, ACCOUNTS;
    PATCH "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}"] => service_accounts::patch, ACCOUNTS;
    DELETE "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}"] => service_accounts::delete, ACCOUNTS;
    GET "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/groups" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/groups"] => service_accounts::groups, ACCOUNTS;
    POST "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets"] => service_accounts::post_secret, ACCOUNTS;
    DELETE "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets/{secretId}" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets/{secretId}"] => service_accounts::delete_secret, ACCOUNTS;
    GET "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList"] => access_lists::of_service_account, ACCOUNTS;
    POST "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList"] => access_lists::add_to_service_account, ACCOUNTS;
    DELETE "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList/{ipAddress}" as ["/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList/{ipAddress}"] => access_lists::remove_from_service_account, ACCOUNTS;
    GET "/api/atlas/v2/groups/{groupId}/serviceAccounts" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts"] => service_accounts::list, ACCOUNTS;
    POST "/api/atlas/v2/groups/{groupId}/serviceAccounts" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts"] => service_accounts::post, ACCOUNTS;
    GET "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientAndVerb}" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}"] => service_accounts::get, ACCOUNTS;
    PATCH "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientAndVerb}" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}"] => service_accounts::patch, ACCOUNTS;
    DELETE "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientAndVerb}" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}"] => service_accounts::unassign, ACCOUNTS;
    POST "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientAndVerb}" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}:invite"] => service_accounts::invite, ACCOUNTS;
    POST "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets"] => service_accounts::post_secret, ACCOUNTS;
    DELETE "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets/{secretId}" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets/{secretId}"] => service_accounts::delete_secret, ACCOUNTS;
    GET "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList"] => access_lists::of_service_account, ACCOUNTS;
    POST "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList"] => access_lists::add_to_service_account, ACCOUNTS;
    DELETE "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList/{ipAddress}" as ["/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList/{ipAddress}"] => access_lists::remove_from_service_account, ACCOUNTS;
}
