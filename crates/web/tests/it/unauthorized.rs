//! Every route as everybody, against `tests/golden/routes.txt`: a route that is missing there fails.
//!
//! The table is read by people before it changes: `BYLEAVE_BLESS=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House, PASSWORD, text};

/// Who asks, the least trusted first, so that what changes something is done last.
pub(crate) const WHO: [&str; 9] =
    ["nobody", "stranger", "member", "org-reader", "reader", "manager", "project-owner", "administrator", "owner"];

#[tokio::test]
async fn every_route_answers_everybody_as_written_down() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let other = house.customer("other").await;
    let clients = everybody(&house, &shop, &other).await;
    let mut places = Places::find(&house, &shop).await;
    let mut table = header();
    let operations = byleave_web::api::atlas::OPERATIONS.iter().chain(byleave_web::api::byleave::OPERATIONS);
    let operations = operations.chain(byleave_web::api::oauth::OPERATIONS);
    for (method, path) in operations {
        let mut line = format!("{:<7}{path:<96}", method);
        for (who, client) in WHO.iter().zip(&clients) {
            let call = places.call(&house, &shop, method, path).await;
            let answer = client.send(call).await;
            check_media_type(path, &answer);
            let status = answer.status.as_u16();
            let _ = write!(line, " {status:>width$}", width = who.len());
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    check(&table);
}

/// A client of each of [`WHO`].
pub(crate) async fn everybody(house: &House, shop: &Customer, other: &Customer) -> [Client; 9] {
    let project = |role: &str| json!({ "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": [role] }] });
    let organization = |role: &str| json!({ "orgRoles": [role] });
    [
        house.nobody(),
        house.key(other, organization("ORG_OWNER")).await,
        house.key(shop, organization("ORG_MEMBER")).await,
        house.key(shop, organization("ORG_READ_ONLY")).await,
        house.key(shop, project("GROUP_READ_ONLY")).await,
        house.key(shop, project("GROUP_SUPPORT_ACCESS_MANAGER")).await,
        house.key(shop, project("GROUP_OWNER")).await,
        house.administrator(),
        house.key(shop, organization("ORG_OWNER")).await,
    ]
}

/// Atlas's paths answer in a version of the resource, also on 204; errors are plain JSON everywhere, and bear a code
/// everywhere but at OAuth, which has words of its own (RFC 6749 §5.2).
fn check_media_type(path: &str, answer: &Answer) {
    let kind = answer.header("content-type");
    if answer.status.is_success() {
        let atlas = path.starts_with("/api/atlas/");
        assert_eq!(kind.starts_with("application/vnd.atlas.2"), atlas, "{path}: {kind}");
    } else {
        let has_code = !answer.header("x-error-code").is_empty();
        assert_eq!((kind, has_code), ("application/json", !path.starts_with("/api/oauth/")), "{path}");
    }
}

fn header() -> String {
    format!("{:<103} {}\n", "", WHO.join(" "))
}

fn check(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/routes.txt");
    if std::env::var_os("BYLEAVE_BLESS").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let (is, was): (BTreeSet<&str>, BTreeSet<&str>) = (table.lines().collect(), golden.lines().collect());
    let new: Vec<_> = is.difference(&was).collect();
    let gone: Vec<_> = was.difference(&is).collect();
    assert!(new.is_empty() && gone.is_empty(), "now:\n{new:#?}\nin the golden file:\n{gone:#?}");
}

/// What the parameters of a path stand for.
pub(crate) struct Places {
    organization: String,
    project: String,
    cluster: String,
    node: String,
    session: String,
    event: String,
    project_event: String,
    employee: String,
    user: String,
    identifier: String,
    api_key: String,
    account: (String, String),
    made: u32,
}

impl Places {
    pub(crate) async fn find(house: &House, shop: &Customer) -> Self {
        let session = house.session(shop).await.to_string();
        let events = format!("/api/byleave/v1/organizations/{}/events", shop.organization);
        let events = shop.owner.get(&events).await.ok();
        let all = events["results"].as_array().unwrap();
        let of = |name: &str| text(&all.iter().find(|event| event["event"] == name).unwrap()["id"]);
        let spare = json!({ "description": "spare", "roles": { "orgRoles": ["ORG_MEMBER"] } });
        let keys = format!("/api/byleave/v1/organizations/{}/apiKeys", shop.organization);
        let spare = shop.owner.post(&keys, spare).await.created();
        let employees = house.administrator().get("/api/byleave/v1/employees").await.ok();
        Self {
            organization: shop.organization.clone(),
            project: shop.project.clone(),
            cluster: shop.cluster.clone(),
            node: shop.node.clone(),
            session,
            event: of("organization.claimed"),
            project_event: of("cluster.added"),
            employee: text(&employees["results"][0]["id"]),
            user: text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]),
            identifier: text(&all[0]["by"]).replace("employee:", ""),
            api_key: text(&spare["id"]),
            account: crate::accounts::make(shop, "ORG_MEMBER").await,
            made: 0,
        }
    }

    /// A sound call of this operation; what is used up by a call is made anew for each.
    pub(crate) async fn call(&mut self, house: &House, shop: &Customer, method: &str, path: &str) -> Call {
        self.made += 1;
        let key = if path.contains("{key}") { self.employee_key(house).await } else { String::new() };
        let invited = if path.contains("{token}") { self.invite(house).await } else { String::new() };
        let api_key = self.made_api_key(shop, path).await;
        let request = if path.contains("/requests/") { self.request(house, shop).await } else { String::new() };
        let (client, secret) = self.made_account(shop, path).await;
        let id = match path {
            _ if path.contains("/invites/") || path.contains("/invitations/{id}") => &self.invitation(shop).await,
            _ if path.contains("/passwordResets/") => &self.reset(shop).await,
            _ if path.contains("/groups/{groupId}/events/") => &self.project_event,
            _ if path.contains("/events/") => &self.event,
            _ if path.contains("/nodes/") => &self.node,
            _ if path.contains("/requests/") => &request,
            _ if path.contains("/sessions/") => &self.session,
            _ if path.contains("/employees/") => &self.employee,
            _ if path.contains("/users/") => &self.user,
            _ => &self.api_key,
        };
        let filled = path
            .replace("{orgId}", &self.organization)
            .replace("{groupId}", &self.project)
            .replace("{clusterName}", &self.cluster)
            .replace("{groupName}", "Production")
            .replace("{hostname}", &shop.host)
            .replace("{token}", &invited)
            .replace("{key}", &key)
            .replace("{tile}", "0/000.p/1")
            .replace("/inclusion", "/inclusion?index=0")
            .replace("{apiUserId}", &api_key)
            .replace("{clientId}", &client)
            .replace("{secretId}", &secret)
            .replace("{ipAddress}", "192.0.2.1")
            .replace("{id}", id);
        let call = Call::new(Method::from_bytes(method.as_bytes()).unwrap(), &filled);
        if path.starts_with("/api/oauth/") {
            let (id, secret) = &self.account;
            let form = format!("grant_type=client_credentials&token=x&client_id={id}&client_secret={secret}");
            return call.body(form).header("content-type", "application/x-www-form-urlencoded");
        }
        let body = self.body(method, path);
        if body.is_null() { call } else { call.body(body.to_string()) }
    }

    /// A key with a role in the project and an address on its list, for paths that are about one.
    async fn made_api_key(&self, shop: &Customer, path: &str) -> String {
        if !path.contains("{apiUserId}") {
            return String::new();
        }
        let of_project = format!("/api/atlas/v2/groups/{}/apiKeys", self.project);
        let body = json!({ "desc": "made", "roles": ["GROUP_READ_ONLY"] });
        let id = text(&shop.owner.post(&of_project, body).await.ok()["id"]);
        let list = format!("/api/atlas/v2/orgs/{}/apiKeys/{id}/accessList", self.organization);
        shop.owner.post(&list, json!([{ "ipAddress": "192.0.2.1" }])).await.ok();
        id
    }

    /// A service account with a role in the project and an address on its list, and its secret.
    async fn made_account(&self, shop: &Customer, path: &str) -> (String, String) {
        if !path.contains("{clientId}") {
            return (String::new(), String::new());
        }
        let of_project = format!("/api/atlas/v2/groups/{}/serviceAccounts", self.project);
        let made = shop.owner.post(&of_project, crate::accounts::wanted("GROUP_READ_ONLY")).await.created();
        let id = text(&made["clientId"]);
        shop.owner.post(&format!("{of_project}/{id}/accessList"), json!([{ "ipAddress": "192.0.2.1" }])).await.ok();
        (id, text(&made["secrets"][0]["id"]))
    }

    async fn employee_key(&self, house: &House) -> String {
        let body = json!({ "publicKey": crate::house::public_key(&format!("key {}", self.made)) });
        let path = format!("/api/byleave/v1/employees/{}/keys", self.employee);
        text(&house.administrator().post(&path, body).await.created()["id"])
    }

    async fn invitation(&self, shop: &Customer) -> String {
        let roles = json!({ "orgRoles": ["ORG_MEMBER"] });
        let body = json!({ "userName": format!("new{}@shop.example", self.made), "roles": roles });
        let path = format!("/api/byleave/v1/organizations/{}/users", self.organization);
        text(&shop.owner.post(&path, body).await.created()["invitationId"])
    }

    /// A link for a new password of the owner.
    async fn reset(&self, shop: &Customer) -> String {
        let users = format!("/api/byleave/v1/organizations/{}/users", self.organization);
        let made = shop.owner.post_nothing(&format!("{users}/{}:resetPassword", self.user)).await.created();
        text(&made["invitationId"])
    }

    /// An access request that waits. An employee can ask only so often, so that each asks once.
    async fn request(&self, house: &House, shop: &Customer) -> String {
        let asker = crate::requests::Asker::new(house, &format!("Asker {}", self.made)).await;
        asker.ask(house, shop).await
    }

    async fn invite(&self, house: &House) -> String {
        let body = json!({ "name": "New", "another": true, "ownerUserName": format!("new{}@new.example", self.made) });
        text(&house.administrator().post("/api/byleave/v1/organizations", body).await.created()["token"])
    }

    /// The bodies of API keys and service accounts on Atlas's paths; none for another path.
    fn account_body(method: &str, path: &str) -> Option<Value> {
        let last = path.strip_prefix("/api/atlas/v2/")?.rsplit('/').next()?;
        let role = if path.contains("{orgId}") { "ORG_MEMBER" } else { "GROUP_READ_ONLY" };
        match (method, last) {
            ("POST", "apiKeys") => Some(json!({ "desc": "made", "roles": [role] })),
            ("POST", "{apiUserId}") => Some(json!([{ "roles": [role] }])),
            ("POST", "serviceAccounts") => Some(crate::accounts::wanted(role)),
            ("POST", "{clientId}:invite") => Some(json!({ "roles": [role] })),
            ("PATCH", "{apiUserId}" | "{clientId}") => Some(json!({})),
            ("POST", "secrets") => Some(json!({ "secretExpiresAfterHours": 8 })),
            ("POST", "accessList") => Some(json!([{ "ipAddress": "192.0.2.2" }])),
            _ => None,
        }
    }

    fn body(&self, method: &str, path: &str) -> Value {
        if let Some(body) = Self::account_body(method, path) {
            return body;
        }
        let roles = json!({ "orgRoles": ["ORG_MEMBER"] });
        let name = format!("made{}@shop.example", self.made);
        match (method, path.rsplit('/').next().unwrap_or_default()) {
            ("POST", "{clusterName}:grantMongoDBEmployeeAccess") => {
                json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "CLUSTER_INFRASTRUCTURE" })
            }
            ("POST", "{clusterName}:grant") => json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }),
            ("PATCH", "settings") => json!({ "restrictEmployeeAccess": true }),
            ("POST", "session") => json!({ "userName": "owner@shop.example", "password": PASSWORD }),
            ("POST", "refresh" | "{token}:claim") => json!({ "password": PASSWORD }),
            ("POST", "password") => json!({ "password": PASSWORD, "newPassword": "another calm evening" }),
            ("POST", "organizations") => json!({ "name": "Made", "ownerUserName": name, "another": true }),
            ("POST", "{orgId}:inviteOwner" | "{orgId}:recoverOwner") => json!({ "ownerUserName": name }),
            ("POST", "groups") => json!({ "name": name, "orgId": self.organization }),
            ("POST", "users") if path.contains("/atlas/") => json!({ "username": name, "roles": roles }),
            ("POST", "{id}:addRole") => json!({ "orgRole": "ORG_MEMBER" }),
            ("POST", "{id}:removeRole") => json!({ "orgRole": "ORG_READ_ONLY" }),
            ("POST", "invites") => json!({ "username": name, "roles": ["ORG_MEMBER"] }),
            ("POST", "users") => json!({ "userName": name, "roles": roles }),
            ("PATCH", "{id}") => json!({ "roles": { "orgRoles": ["ORG_OWNER"] } }),
            ("POST", "apiKeys") => json!({ "description": "made", "roles": roles }),
            ("POST", "employees") => json!({ "name": format!("Made {}", self.made) }),
            ("POST", "keys") => json!({ "publicKey": crate::house::public_key(&format!("made {}", self.made)) }),
            ("POST", "identifiers:resolve") => {
                json!({ "organizationId": self.organization, "identifier": self.identifier })
            }
            ("POST", "inventory:plan" | "inventory:apply") => json!({ "clusters": [] }),
            ("POST", "inventory:setSyncCredential") => {
                json!({ "host": "cluster0.shop.example", "credential": { "user": "gateway", "password": "secret" } })
            }
            _ => Value::Null,
        }
    }
}
