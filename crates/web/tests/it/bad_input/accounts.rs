//! What goes into the table of bad input for API keys and service accounts.

use serde_json::{Value, json};

use super::Need::{Nullable, Optional, Required};
use super::Takes::{AnyText, List, Number, Text};
use super::{Body, Field, Scene};
use crate::house::{Customer, House, text};

/// Operations whose body is a list.
pub(super) const LISTS: [&str; 4] = [
    "POST /api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}",
    "POST /api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList",
    "POST /api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList",
    "POST /api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList",
];

/// An API key and a service account of a project.
pub(super) struct Accounts {
    api_key: String,
    client: String,
    secret: String,
}

impl Accounts {
    pub(super) async fn make(shop: &Customer) -> Self {
        let path = |kind: &str| format!("/api/atlas/v2/groups/{}/{kind}", shop.project);
        let key = json!({ "desc": "ours", "roles": ["GROUP_READ_ONLY"] });
        let key = shop.owner.post(&path("apiKeys"), key).await.ok();
        let account = json!({
            "name": "ours", "description": "ours", "roles": ["GROUP_READ_ONLY"], "secretExpiresAfterHours": 8,
        });
        let account = shop.owner.post(&path("serviceAccounts"), account).await.created();
        Self {
            api_key: text(&key["id"]),
            client: text(&account["clientId"]),
            secret: text(&account["secrets"][0]["id"]),
        }
    }

    /// Puts them into a path.
    pub(super) fn fill(&self, path: &str) -> String {
        path.replace("{apiUserId}", &self.api_key)
            .replace("{clientId}", &self.client)
            .replace("{secretId}", &self.secret)
            .replace("{ipAddress}", "192.0.2.7")
    }
}

/// What cannot stand in the place of each parameter, beside ids of the common form.
pub(super) fn bad_addresses() -> Vec<String> {
    let odd = ["x", "300.1.1.1", "1.2.3", "1.2.3.4%2f33", "%00", "%ff", "1.2.3.4%20", "::g", "1.2.3.4,1.2.3.5"];
    odd.map(ToOwned::to_owned).to_vec()
}

pub(super) fn bodies() -> Vec<Body> {
    let roles = |need| vec![Field("roles", need, List), Field("roles[0]", Optional, Text)];
    let with = |mut fields: Vec<Field>, more: Vec<Field>| {
        fields.extend(more);
        fields
    };
    let key = |need| with(roles(need), vec![Field("desc", need, Text)]);
    let account = |need| with(roles(need), vec![Field("name", need, Text), Field("description", need, Text)]);
    let hours = || vec![Field("secretExpiresAfterHours", Required, Number(false))];
    let body = |operation, sound: Value, fields| Body { operation, sound, fields };
    let (owner, reader) = (json!(["ORG_MEMBER"]), json!(["GROUP_READ_ONLY"]));
    let new_key = |roles: &Value| json!({ "desc": "new", "roles": roles });
    let details = |roles: &Value| json!({ "name": "new", "description": "new", "roles": roles });
    let new_account =
        |roles: &Value| json!({ "name": "new", "description": "new", "roles": roles, "secretExpiresAfterHours": 8 });
    let secret = json!({ "secretExpiresAfterHours": 8 });
    vec![
        body("POST /api/atlas/v2/orgs/{orgId}/apiKeys", new_key(&owner), key(Required)),
        body("PATCH /api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}", new_key(&owner), key(Optional)),
        body("POST /api/atlas/v2/groups/{groupId}/apiKeys", new_key(&reader), key(Required)),
        body("PATCH /api/atlas/v2/groups/{groupId}/apiKeys/{apiUserId}", new_key(&reader), key(Optional)),
        body("POST /api/atlas/v2/orgs/{orgId}/serviceAccounts", new_account(&owner), with(account(Required), hours())),
        body("PATCH /api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}", details(&owner), account(Optional)),
        body(
            "POST /api/atlas/v2/groups/{groupId}/serviceAccounts",
            new_account(&reader),
            with(account(Required), hours()),
        ),
        body("PATCH /api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}", details(&reader), account(Optional)),
        body("POST /api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/secrets", secret.clone(), hours()),
        body("POST /api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/secrets", secret, hours()),
        body(
            "POST /api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}:invite",
            json!({ "roles": reader }),
            with(roles(Required), vec![Field("userId", Nullable, AnyText)]),
        ),
    ]
}

#[tokio::test]
async fn bodies_that_are_to_be_lists_are_refused_whole_or_by_the_field() {
    let scene = Scene::set().await;
    for operation in LISTS {
        for sent in ["", "{}", "null", "1", "[", "[]]", "[1", "\"x\"", "[]\u{0}", "[,]"] {
            scene.send(operation, sent).await.refused(400, "INVALID_JSON");
        }
        for sent in ["[1]", "[null]", "[[]]", r#"[{"surprise":1}]"#, r#"[{"roles":1}]"#, r#"[{"ipAddress":1}]"#] {
            let told = scene.send(operation, sent).await.refused(400, "INVALID_ATTRIBUTE");
            assert!(told.contains("[0]"), "{operation} {sent}: {told}");
        }
        let huge = format!("[{{\"ipAddress\":\"{}\"}}]", "x".repeat(10 << 20));
        scene.send(operation, huge).await.refused(413, "PAYLOAD_TOO_LARGE");
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert_eq!(scene.send(operation, deep).await.status, 400);
    }
    for address in ["x", "300.1.1.1", "", "1.2.3.4/33", "a\u{0}", "::g"] {
        let body = json!([{ "ipAddress": address }]).to_string();
        let answer = scene.send(LISTS[2], body).await;
        assert!(answer.json()["badRequestDetail"]["fields"][0]["field"].as_str().unwrap().contains("ipAddress"));
        assert_eq!(answer.status, 400, "{address}");
    }
    scene.assert_unchanged().await;
}

#[tokio::test]
async fn a_secret_lasts_no_longer_than_the_organization_allows() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    shop.owner.patch(&settings, json!({ "maxServiceAccountSecretValidityInHours": 24 })).await.ok();
    let path = format!("/api/atlas/v2/orgs/{}/serviceAccounts", shop.organization);
    let account = |hours: i64| json!({ "name": "a", "description": "b", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": hours });
    let told = shop.owner.post(&path, account(25)).await.refused(400, "VALIDATION_ERROR");
    assert!(told.contains("secretExpiresAfterHours") && told.contains("24 hours"), "{told}");
    shop.owner.post(&path, account(24)).await.created();
    assert_eq!(house.store.audit_state().await.unwrap().findings.len(), 0);
}
