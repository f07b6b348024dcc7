//! What is said of API keys, service accounts and OAuth, in sentences of our own.

use byleave_api::atlas::account::{
    AccessListRequest, ApiKey, ApiKeyAccess, ApiKeyPatch, ApiKeyRequest, OAuthRevokeRequest, OAuthToken,
    OAuthTokenRequest, RoleAssignment, ServiceAccount, ServiceAccountAccess, ServiceAccountGroup, ServiceAccountPatch,
    ServiceAccountRequest, ServiceAccountSecret, ServiceAccountSecretRequest,
};

use super::description::{Section, delete, get, patch, post};
use super::parameter::INCLUDE_SYSTEM_MANAGED;

pub(super) const SECTIONS: &[Section] = &[API_KEYS, SERVICE_ACCOUNTS, TOKENS];

const API_KEYS: Section = Section {
    title: "API keys",
    says: "Keys of HTTP Digest with their roles and access lists, of an organization or of one project. An access list \
           that is not empty is all from where the key is taken.",
    operations: &[
        get("/api/atlas/v2/orgs/{orgId}/apiKeys", "Lists the API keys of an organization.").gives_page::<ApiKey>(),
        post("/api/atlas/v2/orgs/{orgId}/apiKeys", "Makes an API key. Its private part is shown this once.")
            .takes::<ApiKeyRequest>()
            .gives::<ApiKey>(),
        get("/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}", "Shows an API key.").gives::<ApiKey>().tagged(),
        patch("/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}", "Changes what is named of an API key.")
            .takes::<ApiKeyPatch>()
            .gives::<ApiKey>(),
        delete("/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}", "Removes an API key."),
        get("/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList", "Lists the access list of an API key.")
            .gives_page::<ApiKeyAccess>(),
        post("/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList", "Adds to the access list of an API key.")
            .takes_list::<AccessListRequest>()
            .gives_page::<ApiKeyAccess>()
            .refuses(&[409]),
        get(
            "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}",
            "Shows an entry of the access list of an API key.",
        )
        .gives::<ApiKeyAccess>(),
        delete(
            "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList/{ipAddress}",
            "Removes an entry of the access list of an API key.",
        ),
        get("/api/atlas/v2/groups/{groupId}/apiKeys", "Lists the API keys that have a role in a project.")
            .gives_page::<ApiKey>(),
        post(
            "/api/atlas/v2/groups/{groupId}/apiKeys",
            "Makes an API key with roles in a project. Its private part is shown this once.",
        )
        .takes::<ApiKeyRequest>()
        .gives::<ApiKey>(),
        post("/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}", "Gives an API key roles in a project.")
            .takes_list::<RoleAssignment>(),
        patch("/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}", "Changes an API key, and its roles in a project.")
            .takes::<ApiKeyPatch>()
            .gives::<ApiKey>(),
        delete("/api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}", "Takes all roles in a project from an API key."),
    ],
};

const SERVICE_ACCOUNTS: Section = Section {
    title: "Service accounts",
    says: "Accounts of programs, which get tokens for a secret (see *Tokens*), of an organization or of one project.",
    operations: &[
        get("/api/atlas/v2/orgs/{orgId}/serviceAccounts", "Lists the service accounts of an organization.")
            .with(&[INCLUDE_SYSTEM_MANAGED])
            .gives_page::<ServiceAccount>(),
        post(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts",
            "Makes a service account with a first secret, which is shown this once.",
        )
        .takes::<ServiceAccountRequest>()
        .makes::<ServiceAccount>(),
        get("/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}", "Shows a service account.")
            .gives::<ServiceAccount>(),
        patch("/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}", "Changes what is named of a service account.")
            .takes::<ServiceAccountPatch>()
            .gives::<ServiceAccount>(),
        delete(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}",
            "Removes a service account. Its tokens end at once.",
        ),
        get(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/groups",
            "Lists the projects in which a service account has roles.",
        )
        .gives_page::<ServiceAccountGroup>(),
        post(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets",
            "Makes another secret, at most two at a time. It is shown this once.",
        )
        .takes::<ServiceAccountSecretRequest>()
        .makes::<ServiceAccountSecret>(),
        delete(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets/{secretId}",
            "Removes a secret. The tokens that it got end at once.",
        ),
        get(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList",
            "Lists the access list of a service account.",
        )
        .gives_page::<ServiceAccountAccess>(),
        post(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList",
            "Adds to the access list of a service account.",
        )
        .takes_list::<AccessListRequest>()
        .gives_page::<ServiceAccountAccess>()
        .refuses(&[409]),
        delete(
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList/{ipAddress}",
            "Removes an entry of the access list of a service account.",
        ),
        get(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts",
            "Lists the service accounts that have a role in a project.",
        )
        .with(&[INCLUDE_SYSTEM_MANAGED])
        .gives_page::<ServiceAccount>(),
        post(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts",
            "Makes a service account with roles in a project, and a first secret, which is shown this once.",
        )
        .takes::<ServiceAccountRequest>()
        .makes::<ServiceAccount>(),
        get("/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}", "Shows a service account of a project.")
            .gives::<ServiceAccount>(),
        patch(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}",
            "Changes a service account, and its roles in a project.",
        )
        .takes::<ServiceAccountPatch>()
        .gives::<ServiceAccount>(),
        delete(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}",
            "Takes all roles in a project from a service account.",
        ),
        post(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}:invite",
            "Gives a service account of the organization roles in a project.",
        )
        .takes::<RoleAssignment>()
        .gives::<ServiceAccount>(),
        post(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets",
            "Makes another secret of a service account of a project. It is shown this once.",
        )
        .takes::<ServiceAccountSecretRequest>()
        .makes::<ServiceAccountSecret>(),
        delete(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets/{secretId}",
            "Removes a secret of a service account of a project.",
        ),
        get(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList",
            "Lists the access list of a service account of a project.",
        )
        .gives_page::<ServiceAccountAccess>(),
        post(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList",
            "Adds to the access list of a service account of a project.",
        )
        .takes_list::<AccessListRequest>()
        .gives_page::<ServiceAccountAccess>()
        .refuses(&[409]),
        delete(
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList/{ipAddress}",
            "Removes an entry of the access list of a service account of a project.",
        ),
    ],
};

const TOKENS: Section = Section {
    title: "Tokens",
    says: "OAuth 2.0 client credentials. The client shows its id and secret in HTTP Basic or in the form.",
    operations: &[
        post("/api/oauth/token", "Issues an access token of a service account, for an hour.")
            .for_clients()
            .takes_form::<OAuthTokenRequest>()
            .gives::<OAuthToken>(),
        post("/api/oauth/revoke", "Revokes an access token of the client. Any other text is no matter.")
            .for_clients()
            .takes_form::<OAuthRevokeRequest>()
            .gives_nothing(),
    ],
};
