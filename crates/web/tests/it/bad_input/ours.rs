//! The same table for Byleave's own paths: each operation with who may send it, a sound body, and what its fields take.
//!
//! A new operation below `/api/byleave/v1` that takes a body belongs here; the first test fails until it is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Need::{Optional, Required};
use super::Takes::{AnyText, Flag, List, Number, Object, Text};
use super::{Body, Field, Scene};
use crate::client::Client;
use crate::house::{Customer, House, cluster, public_key, text};
use crate::requests::Asker;

/// Operations without a body. What ends access fails for no form of one; the others have none.
const BODILESS: [&str; 9] = [
    "POST /api/byleave/v1/clock:leaveDoubt",
    "POST /api/byleave/v1/employees/{id}:disable",
    "POST /api/byleave/v1/employees/{id}:enable",
    "POST /api/byleave/v1/groups/{groupId}/clusters/{clusterName}:revoke",
    "POST /api/byleave/v1/nodes/{id}:check",
    "POST /api/byleave/v1/organizations/{orgId}/users/{id}:resetPassword",
    "POST /api/byleave/v1/organizations/{orgId}:inviteRecoveredOwner",
    "POST /api/byleave/v1/organizations/{orgId}:stopRecovery",
    "POST /api/byleave/v1/sessions/{id}:end",
];

/// Whose body may be left out.
pub(super) const MAY_BE_EMPTY: [&str; 3] = [
    "POST /api/byleave/v1/nodes/{id}:acceptRisk",
    "POST /api/byleave/v1/requests/{id}:approve",
    "POST /api/byleave/v1/requests/{id}:decline",
];

/// What own paths name, beside what Atlas's name, and who may ask.
pub(super) struct Ours {
    administrator: Client,
    nobody: Client,
    employee: String,
    key: String,
    session: String,
    node: String,
    token: String,
    invitation: String,
    reset: String,
    api_key: String,
    request: String,
}

impl Ours {
    pub(super) async fn make(house: &House, shop: &Customer) -> Self {
        let session = house.session(shop).await.to_string();
        let (employee, key) = house.employee("Robin", &public_key("robin")).await;
        let path = |kind: &str| format!("/api/byleave/v1/organizations/{}/{kind}", shop.organization);
        let roles = json!({ "orgRoles": ["ORG_MEMBER"] });
        let invited =
            shop.owner.post(&path("users"), json!({ "userName": "jo@shop.example", "roles": roles })).await.created();
        let me = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
        let reset = shop.owner.post_nothing(&format!("{}/{me}:resetPassword", path("users"))).await.created();
        let made = shop.owner.post(&path("apiKeys"), json!({ "description": "ours", "roles": roles })).await.created();
        Self {
            administrator: house.administrator(),
            nobody: house.nobody(),
            employee: employee.to_string(),
            key: key.to_string(),
            session,
            node: shop.node.clone(),
            token: text(&invited["token"]),
            invitation: text(&invited["invitationId"]),
            reset: text(&reset["invitationId"]),
            api_key: text(&made["id"]),
            request: Asker::new(house, "Kim").await.ask(house, shop).await,
        }
    }

    /// Who may send this, if it is not the owner.
    pub(super) fn caller(&self, operation: &str) -> Option<&Client> {
        let path = operation.split_once(' ')?.1.strip_prefix("/api/byleave/v1")?;
        let vendors = ["/organizations:", "/employees", "/identifiers:", "/inventory", "/clock:"];
        let is_vendors = vendors.iter().any(|own| path.starts_with(own))
            || path == "/organizations"
            || path.starts_with("/organizations/{orgId}:")
            || path.ends_with(":check");
        match path {
            "/session" => Some(&self.nobody),
            _ if path.starts_with("/invitations/") => Some(&self.nobody),
            _ if is_vendors => Some(&self.administrator),
            _ => None,
        }
    }

    /// Puts them into a path.
    pub(super) fn fill(&self, path: &str) -> String {
        let path = &path.replace("{token}", &self.token).replace("{key}", &self.key);
        let Some((kind, _)) = path.split_once("{id}") else { return path.clone() };
        let id = match kind.rsplit('/').nth(1).unwrap_or_default() {
            _ if !path.starts_with("/api/byleave/") => return path.to_owned(),
            "apiKeys" => &self.api_key,
            "employees" => &self.employee,
            "invitations" => &self.invitation,
            "nodes" => &self.node,
            "passwordResets" => &self.reset,
            "requests" => &self.request,
            "sessions" => &self.session,
            _ => return path.to_owned(),
        };
        path.replace("{id}", id)
    }

    /// What the vendor has, which must not change either.
    pub(super) async fn state(&self) -> Value {
        let ask = async |path: &str| self.administrator.get(&format!("/api/byleave/v1/{path}")).await.ok();
        json!([ask("employees").await, ask("inventory").await])
    }
}

fn roles() -> Vec<Field> {
    vec![
        Field("roles", Required, Object),
        Field("roles.orgRoles", Optional, List),
        Field("roles.orgRoles[0]", Optional, Text),
        Field("roles.groupRoleAssignments", Optional, List),
        Field("roles.groupRoleAssignments[0]", Optional, Object),
        Field("roles.groupRoleAssignments[0].groupId", Required, Text),
        Field("roles.groupRoleAssignments[0].groupRoles", Required, List),
        Field("roles.groupRoleAssignments[0].groupRoles[0]", Optional, Text),
    ]
}

fn inventory() -> Vec<Field> {
    vec![
        Field("clusters", Required, List),
        Field("clusters[0]", Optional, Object),
        Field("clusters[0].organization", Required, Text),
        Field("clusters[0].project", Required, Text),
        Field("clusters[0].name", Required, Text),
        Field("clusters[0].host", Required, Text),
        Field("clusters[0].syncDatabases", Optional, List),
        Field("clusters[0].syncDatabases[0]", Optional, Text),
        Field("clusters[0].nodes", Optional, List),
        Field("clusters[0].nodes[0]", Optional, Object),
        Field("clusters[0].nodes[0].host", Required, Text),
        Field("clusters[0].nodes[0].address", Required, Text),
        Field("clusters[0].nodes[0].hostKey", Required, Text),
        Field("clusters[0].nodes[0].logs", Optional, List),
        Field("clusters[0].nodes[0].logs[0]", Optional, Object),
        Field("clusters[0].nodes[0].logs[0].name", Required, Text),
        Field("clusters[0].nodes[0].logs[0].kind", Required, Text),
        Field("clusters[0].nodes[0].logs[0].path", Required, Text),
        Field("prune", Optional, Flag),
    ]
}

pub(super) fn bodies(shop: &Customer) -> Vec<Body> {
    let assigned = json!([{ "groupId": shop.project, "groupRoles": ["GROUP_OWNER"] }]);
    let some = json!({ "orgRoles": ["ORG_MEMBER"], "groupRoleAssignments": assigned });
    let and = |field: Field| {
        let mut fields = roles();
        fields.push(field);
        fields
    };
    let body = |operation, sound: Value, fields| Body { operation, sound, fields };
    let required = |name| vec![Field(name, Required, Text)];
    let other = json!({ "clusters": [cluster(&shop.organization, "other")] });
    vec![
        body(
            "POST /api/byleave/v1/session",
            json!({ "userName": "nobody@shop.example", "password": "x" }),
            vec![Field("userName", Required, AnyText), Field("password", Required, AnyText)],
        ),
        body(
            "POST /api/byleave/v1/session/refresh",
            json!({ "password": "x" }),
            vec![Field("password", Required, AnyText)],
        ),
        body(
            "POST /api/byleave/v1/session/password",
            json!({ "password": "x", "newPassword": "y" }),
            vec![Field("password", Required, AnyText), Field("newPassword", Required, AnyText)],
        ),
        body(
            "POST /api/byleave/v1/invitations/{token}:claim",
            json!({ "password": "x" }),
            vec![Field("password", Required, AnyText)],
        ),
        body(
            "POST /api/byleave/v1/organizations",
            json!({ "name": "New", "ownerUserName": "new@shop.example", "another": true }),
            vec![
                Field("name", Required, Text),
                Field("ownerUserName", Required, Text),
                Field("another", Optional, Flag),
            ],
        ),
        body(
            "POST /api/byleave/v1/organizations/{orgId}:inviteOwner",
            json!({ "ownerUserName": "new@shop.example" }),
            required("ownerUserName"),
        ),
        body(
            "PATCH /api/byleave/v1/organizations/{orgId}/settings",
            json!({ "restrictEmployeeAccess": true }),
            vec![Field("restrictEmployeeAccess", Optional, Flag), Field("longestGrantMs", Optional, Number(false))],
        ),
        body(
            "POST /api/byleave/v1/organizations/{orgId}/users",
            json!({ "userName": "new@shop.example", "roles": some }),
            and(Field("userName", Required, Text)),
        ),
        body("PATCH /api/byleave/v1/organizations/{orgId}/users/{id}", json!({ "roles": some }), roles()),
        body(
            "POST /api/byleave/v1/organizations/{orgId}/apiKeys",
            json!({ "description": "new", "roles": some }),
            and(Field("description", Required, Text)),
        ),
        body(
            "POST /api/byleave/v1/groups/{groupId}/clusters/{clusterName}:grant",
            json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }),
            vec![
                Field("grantType", Required, Text),
                Field("duration", Optional, Text),
                Field("case", Optional, Text),
                Field("reason", Optional, Text),
            ],
        ),
        body("POST /api/byleave/v1/employees", json!({ "name": "New" }), required("name")),
        body(
            "POST /api/byleave/v1/employees/{id}/keys",
            json!({ "publicKey": public_key("new") }),
            required("publicKey"),
        ),
        body(
            "POST /api/byleave/v1/identifiers:resolve",
            json!({ "organizationId": shop.organization, "identifier": "acme-employee-00000000" }),
            vec![Field("organizationId", Required, Text), Field("identifier", Required, Text)],
        ),
        body("POST /api/byleave/v1/inventory:plan", other.clone(), inventory()),
        body("POST /api/byleave/v1/inventory:apply", other, inventory()),
        body(
            "POST /api/byleave/v1/inventory:setSyncCredential",
            json!({ "host": shop.host, "credential": { "user": "gateway", "password": "x" } }),
            vec![Field("host", Required, Text), Field("credential", Required, Object)],
        ),
        body(
            "POST /api/byleave/v1/organizations/{orgId}:recoverOwner",
            json!({ "ownerUserName": "new@shop.example" }),
            required("ownerUserName"),
        ),
        body(
            "POST /api/byleave/v1/requests/{id}:approve",
            json!({ "grantType": "CLUSTER_DATABASE_LOGS" }),
            vec![Field("grantType", Optional, Text), Field("duration", Optional, Text)],
        ),
        body(
            "POST /api/byleave/v1/requests/{id}:decline",
            json!({ "reason": "new" }),
            vec![Field("reason", Optional, Text)],
        ),
        body(
            "POST /api/byleave/v1/nodes/{id}:acceptRisk",
            json!({ "reason": "new" }),
            vec![Field("reason", Optional, Text)],
        ),
    ]
}

#[tokio::test]
async fn every_operation_that_takes_a_body_is_in_the_table_of_ours() {
    let scene = Scene::set().await;
    let known: BTreeSet<String> =
        bodies(&scene.shop).iter().map(|body| body.operation).chain(BODILESS).map(ToOwned::to_owned).collect();
    let all = byleave_web::api::byleave::OPERATIONS.iter().filter(|(method, _)| !matches!(*method, "GET" | "DELETE"));
    let all: BTreeSet<String> = all.map(|(method, path)| format!("{method} {path}")).collect();
    assert_eq!(known, all);
}

#[tokio::test]
async fn every_field_of_ours_is_refused_by_name() {
    let scene = Scene::set().await;
    super::each_field(&scene, bodies(&scene.shop)).await;
}

#[tokio::test]
async fn keys_of_ours_that_nobody_knows_or_that_come_twice_are_refused_by_name() {
    let scene = Scene::set().await;
    super::each_key(&scene, bodies(&scene.shop)).await;
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_whole_on_our_paths() {
    let scene = Scene::set().await;
    super::each_whole(&scene, bodies(&scene.shop)).await;
}

#[tokio::test]
async fn every_part_of_our_paths_is_refused_by_name_before_roles_are_asked() {
    let scene = Scene::set().await;
    super::each_part(&scene, byleave_web::api::byleave::OPERATIONS).await;
}

#[tokio::test]
async fn verbs_and_methods_that_nobody_knows_lead_nowhere_on_our_paths() {
    let scene = Scene::set().await;
    super::each_verb(&scene, byleave_web::api::byleave::OPERATIONS).await;
}
