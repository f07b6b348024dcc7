//! Both ways through the description of the API on a real server: each documented answer is met, and each answer that
//! comes is documented (that is looked up for every call of every test, in [`crate::described`]).
//!
//! 429 and 503 have tests of their own in [`crate::apart`]. What an operation answers
//! to a sound call is shared with [`crate::unauthorized`]; a conflict needs a line in [`Walk::conflicts`].

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::described::{Operation, operations, pairs};
use crate::house::{Customer, House, PASSWORD, text};
use crate::unauthorized::{Places, everybody};

/// What is too large for a body.
const TOO_LARGE: usize = 1024 * 1024 + 1;

/// Statuses that have tests of their own.
const APART: [u16; 2] = [429, 503];

#[tokio::test]
async fn every_documented_answer_is_met_and_every_answer_is_documented() {
    let house = House::open().await;
    let (shop, other) = (house.customer("shop").await, house.customer("other").await);
    let places = Places::find(&house, &shop).await;
    let mut walk = Walk { house, shop, places, met: BTreeSet::new() };
    let clients = everybody(&walk.house, &walk.shop, &other).await;
    for operation in operations() {
        walk.as_everybody(operation, &clients).await;
        walk.badly(operation, &clients[8]).await;
        walk.badly(operation, &clients[7]).await;
    }
    walk.under_keys(&[&clients[8], &clients[7]]).await;
    walk.under_tags(&[&clients[8], &clients[7]]).await;
    walk.stale(&clients[8]).await;
    walk.elsewhere().await;
    walk.without_signing_in().await;
    walk.conflicts(&other).await;
    walk.people().await;
    walk.own_password().await;
    walk.long_recording(&clients[8]).await;
    walk.in_doubt().await;
    walk.recovery().await;
    let wanted: BTreeSet<_> = pairs().into_iter().filter(|(_, status)| !APART.contains(status)).collect();
    let missed: Vec<_> = wanted.difference(&walk.met).collect();
    assert!(missed.is_empty(), "documented and not met: {missed:#?}");
}

/// A walk: where, and what was met.
struct Walk {
    house: House,
    shop: Customer,
    places: Places,
    met: BTreeSet<(Operation, u16)>,
}

impl Walk {
    /// Sends a call of an operation and remembers what came.
    async fn send(&mut self, operation: &Operation, client: &Client, call: Call) -> Answer {
        let answer = client.send(call).await;
        self.met.insert((operation.clone(), answer.status.as_u16()));
        answer
    }

    /// The same where the path says which operation it is.
    async fn call(&mut self, template: &str, client: &Client, call: Call) -> Answer {
        let method = call.method.to_string();
        let operation = operations().iter().find(|one| one.method == method && one.path == template);
        let operation = operation.unwrap_or_else(|| panic!("{method} {template} is not documented"));
        self.send(operation, client, call).await
    }

    async fn post(&mut self, template: &str, client: &Client, body: Value) -> Answer {
        let path = self.path(template);
        self.call(template, client, Call::new(Method::POST, &path).body(body.to_string())).await
    }

    fn path(&self, template: &str) -> String {
        let path = template.replace("{orgId}", &self.shop.organization).replace("{groupId}", &self.shop.project);
        path.replace("{clusterName}", &self.shop.cluster)
    }

    async fn sound(&mut self, operation: &Operation) -> Call {
        self.places.call(&self.house, &self.shop, &operation.method, &operation.path).await
    }

    /// A sound call as everybody; the owner last, whom nothing but the rules stops.
    async fn as_everybody(&mut self, operation: &Operation, clients: &[Client]) {
        for client in clients {
            let call = self.sound(operation).await;
            self.send(operation, client, call).await;
        }
    }

    /// What breaks a rule of every operation of its kind.
    async fn badly(&mut self, operation: &Operation, client: &Client) {
        let mut call = self.sound(operation).await;
        call.path.push_str(if call.path.contains('?') { "&envelope=maybe" } else { "?envelope=maybe" });
        self.send(operation, client, call).await;
        let call = self.sound(operation).await.header("accept", "application/json");
        self.send(operation, client, call).await;
        if operation.method == "GET" {
            return;
        }
        let call = self.sound(operation).await.body("x").header("content-type", "text/plain");
        self.send(operation, client, call).await;
        let call = self.sound(operation).await;
        let kind = if operation.path.starts_with("/api/oauth/") {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        let call = call.body("x".repeat(TOO_LARGE)).header("content-type", kind);
        self.send(operation, client, call).await;
        let call = self.sound(operation).await.body("{").header("content-type", kind);
        self.send(operation, client, call).await;
    }

    /// Each request that is done under a key is sent again under it: changed, and as it was after its answer was lost.
    async fn under_keys(&mut self, clients: &[&Client]) {
        let mut done = Vec::new();
        for (number, operation) in operations().iter().filter(|one| one.method == "POST").enumerate() {
            for client in clients {
                let call = self.sound(operation).await.header("idempotency-key", &format!("walk-{number}"));
                if self.send(operation, client, call.clone()).await.status.is_success() {
                    done.push((operation, *client, call));
                    break;
                }
            }
        }
        let lost = "UPDATE repeats SET status = NULL, media_type = NULL, answer_sealed = NULL";
        let ran =
            std::process::Command::new("sqlite3").arg(self.house.dir.path().join("byleave.db")).arg(lost).status();
        assert!(ran.unwrap().success());
        for (operation, client, call) in done {
            self.send(operation, client, call.clone()).await;
            let path = format!("{}?pretty=true", call.path);
            self.send(operation, client, Call { path, ..call }).await;
        }
    }

    /// What can be done once: not under a tag that nothing has, under a key, and not again for another request.
    async fn protected(&mut self, template: &str, client: &Client, call: Call) {
        let stale = call.clone().header("if-match", "\"another\"");
        self.call(template, client, stale).await.refused(412, "PRECONDITION_FAILED");
        let call = call.header("idempotency-key", template);
        assert!(self.call(template, client, call.clone()).await.status.is_success());
        let path = format!("{}?pretty=true", call.path);
        self.call(template, client, Call { path, ..call }).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    }

    /// What others may have changed: settings besides the block, and what is there to be removed.
    async fn stale(&mut self, owner: &Client) {
        for (template, body) in [
            ("/api/atlas/v2/orgs/{orgId}/settings", json!({ "maxServiceAccountSecretValidityInHours": 24 })),
            ("/api/byleave/v1/organizations/{orgId}/settings", json!({ "longestGrantMs": 3_600_000 })),
        ] {
            let call = Call::new(Method::PATCH, &self.path(template)).body(body.to_string());
            let call = call.header("if-match", "\"another\"");
            self.call(template, owner, call).await.refused(412, "PRECONDITION_FAILED");
        }
        let keys = "/api/byleave/v1/organizations/{orgId}/apiKeys";
        let wanted = json!({ "description": "stale", "roles": { "orgRoles": ["ORG_MEMBER"] } });
        let key = text(&owner.post(&self.path(keys), wanted).await.created()["id"]);
        let shown = "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}";
        let path = self.path(shown).replace("{apiUserId}", &key);
        let tag = self.call(shown, owner, Call::new(Method::GET, &path)).await.header("etag").to_owned();
        let call = Call::new(Method::GET, &path).header("if-none-match", &tag);
        self.call(shown, owner, call).await.is(304);
        let template = format!("{keys}/{{id}}");
        let call = Call::new(Method::DELETE, &self.path(&template).replace("{id}", &key));
        let call = call.header("if-match", "\"another\"");
        self.call(&template, owner, call).await.refused(412, "PRECONDITION_FAILED");
    }

    /// With a tag that nothing has.
    async fn under_tags(&mut self, clients: &[&Client]) {
        for operation in operations() {
            for client in clients {
                let call = self.sound(operation).await.header("if-match", "\"another\"");
                self.send(operation, client, call).await;
                let call = self.sound(operation).await;
                let tag = self.send(operation, client, call).await.header("etag").to_owned();
                if operation.method == "GET" && !tag.is_empty() {
                    let call = self.sound(operation).await.header("if-none-match", &tag);
                    self.send(operation, client, call).await;
                }
            }
        }
    }

    /// With the token of an account whose access list has another address.
    async fn elsewhere(&mut self) {
        let (id, secret) = crate::accounts::make(&self.shop, "ORG_OWNER").await;
        let (client, _) = crate::accounts::sign_in(&self.house, &id, &secret).await;
        let list = format!("{}/{id}/accessList", crate::accounts::accounts(&self.shop));
        self.shop.owner.post(&list, json!([{ "ipAddress": "192.0.2.1" }])).await.ok();
        for operation in operations() {
            let call = self.sound(operation).await;
            self.send(operation, &client, call).await;
        }
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        for path in ["/api/oauth/token", "/api/oauth/revoke"] {
            let call = Call::new(Method::POST, path).body(format!("{form}&token=x"));
            let call = call.header("content-type", "application/x-www-form-urlencoded");
            assert_eq!(self.call(path, &self.house.nobody(), call).await.is(400)["error"], "unauthorized_client");
        }
    }

    /// Where nobody signs in, or is about to.
    async fn without_signing_in(&mut self) {
        let nobody = self.house.nobody();
        let wrong = json!({ "userName": "owner@shop.example", "password": "not this one" });
        self.post("/api/byleave/v1/session", &nobody, wrong).await.refused(401, "UNEXPECTED_ERROR");
        for (template, text) in
            [("/api/byleave/v1/invitations/{token}", "x"), ("/api/byleave/v1/invitations/{token}", "%ff")]
        {
            let call = Call::new(Method::GET, &template.replace("{token}", text));
            self.call(template, &nobody, call).await;
        }
        let claim = "/api/byleave/v1/invitations/{token}:claim";
        let call = Call::new(Method::POST, "/api/byleave/v1/invitations/x:claim").body("{}");
        self.call(claim, &nobody, call).await.refused(404, "RESOURCE_NOT_FOUND");
    }

    /// What does not fit what is there: each is done twice.
    async fn conflicts(&mut self, other: &Customer) {
        let owner = Client::bearer(self.house.address, self.shop.owner.token());
        let administrator = self.house.administrator();
        let roles = json!({ "orgRoles": ["ORG_MEMBER"] });
        let taken = "owner@other.example";
        let atlas = "/api/atlas/v2/orgs/{orgId}";
        let own = "/api/byleave/v1/organizations/{orgId}";
        let group = json!({ "name": "Twice", "orgId": self.shop.organization });
        self.post("/api/atlas/v2/groups", &owner, group.clone()).await.created();
        self.post("/api/atlas/v2/groups", &owner, group).await.refused(409, "GROUP_ALREADY_EXISTS");
        let elsewhere = json!({ "name": "Elsewhere", "orgId": other.organization });
        self.post("/api/atlas/v2/groups", &owner, elsewhere).await.refused(404, "ORG_NOT_FOUND");
        let invite = json!({ "username": taken, "roles": roles });
        self.post(&format!("{atlas}/users"), &owner, invite).await.refused(409, "CONFLICT");
        let invite = json!({ "username": taken, "roles": ["ORG_MEMBER"] });
        self.post(&format!("{atlas}/invites"), &owner, invite).await.refused(409, "CONFLICT");
        let invite = json!({ "userName": taken, "roles": roles });
        self.post(&format!("{own}/users"), &owner, invite).await.refused(409, "CONFLICT");
        let organization = json!({ "name": "Another", "ownerUserName": taken });
        self.post("/api/byleave/v1/organizations", &administrator, organization).await.refused(409, "CONFLICT");
        let organization = json!({ "name": "Shop shop", "ownerUserName": "else@shop.example" });
        self.post("/api/byleave/v1/organizations", &administrator, organization).await.refused(409, "CONFLICT");
        let employees = "/api/byleave/v1/employees";
        let mut made = Vec::new();
        for name in ["One", "Two"] {
            made.push(text(&self.post(employees, &administrator, json!({ "name": name })).await.created()["id"]));
        }
        self.post(employees, &administrator, json!({ "name": "One" })).await.refused(409, "CONFLICT");
        let keys = "/api/byleave/v1/employees/{id}/keys";
        for (id, status) in made.iter().zip([201, 409]) {
            let body = json!({ "publicKey": crate::house::public_key("twice") }).to_string();
            let call = Call::new(Method::POST, &keys.replace("{id}", id)).body(body);
            self.call(keys, &administrator, call).await.is(status);
        }
        self.answered_twice(&owner).await;
        self.access_lists(&owner).await;
        self.invited_twice(&owner, &administrator).await;
    }

    /// A request is answered once.
    async fn answered_twice(&mut self, owner: &Client) {
        let asker = crate::requests::Asker::new(&self.house, "Hasty").await;
        for verb in ["approve", "decline"] {
            let id = asker.ask(&self.house, &self.shop).await;
            let template = format!("/api/byleave/v1/requests/{{id}}:{verb}");
            let path = template.replace("{id}", &id);
            assert!(self.call(&template, owner, Call::new(Method::POST, &path).body("{}")).await.status.is_success());
            self.call(&template, owner, Call::new(Method::POST, &path).body("{}")).await.refused(409, "CONFLICT");
        }
    }

    async fn access_lists(&mut self, owner: &Client) {
        let project = format!("/api/atlas/v2/groups/{}", self.shop.project);
        let wanted = crate::accounts::wanted("GROUP_READ_ONLY");
        let account = text(&owner.post(&format!("{project}/serviceAccounts"), wanted).await.created()["clientId"]);
        let wanted = json!({ "desc": "twice", "roles": ["GROUP_READ_ONLY"] });
        let key = text(&owner.post(&format!("{project}/apiKeys"), wanted).await.ok()["id"]);
        for template in [
            "/api/atlas/v2/orgs/{orgId}/apiKeys/{apiUserId}/accessList",
            "/api/atlas/v2/orgs/{orgId}/serviceAccounts/{clientId}/accessList",
            "/api/atlas/v2/groups/{groupId}/serviceAccounts/{clientId}/accessList",
        ] {
            let path = self.path(template).replace("{clientId}", &account).replace("{apiUserId}", &key);
            let body = json!([{ "ipAddress": "192.0.2.7" }]).to_string();
            owner.send(Call::new(Method::POST, &path).body(body.clone())).await;
            self.call(template, owner, Call::new(Method::POST, &path).body(body)).await.refused(409, "CONFLICT");
        }
    }

    /// One person is invited to two organizations: the second claim comes too late, and so does a new first owner.
    async fn invited_twice(&mut self, owner: &Client, administrator: &Client) {
        let twice = "twice@shop.example";
        let body = json!({ "userName": twice, "roles": { "orgRoles": ["ORG_MEMBER"] } });
        let users = self.path("/api/byleave/v1/organizations/{orgId}/users");
        let first = text(&owner.post(&users, body).await.created()["token"]);
        let body = json!({ "name": "Later", "ownerUserName": twice });
        let second = administrator.post("/api/byleave/v1/organizations", body).await.created();
        let claim = "/api/byleave/v1/invitations/{token}:claim";
        for (token, status) in [(first, 201), (text(&second["token"]), 409)] {
            let body = json!({ "password": PASSWORD }).to_string();
            let call = Call::new(Method::POST, &claim.replace("{token}", &token)).body(body);
            self.call(claim, &self.house.nobody(), call).await.is(status);
        }
        let anew = "/api/byleave/v1/organizations/{orgId}:inviteOwner";
        let body = json!({ "ownerUserName": "later@later.example" }).to_string();
        let path = anew.replace("{orgId}", &text(&second["organizationId"]));
        self.protected(anew, administrator, Call::new(Method::POST, &path).body(body)).await;
    }

    /// A person comes, and goes; the last owner stays.
    async fn people(&mut self) {
        let owner = Client::bearer(self.house.address, self.shop.owner.token());
        let me = text(&owner.get("/api/byleave/v1/session").await.ok()["id"]);
        for (template, last) in [
            ("/api/atlas/v2/orgs/{orgId}/users/{id}", "ORG_MEMBER"),
            ("/api/byleave/v1/organizations/{orgId}/users/{id}", "ORG_MEMBER"),
        ] {
            let name = format!("leaves-{}@shop.example", template.len());
            self.house.person(&self.shop, &name, json!({ "orgRoles": ["ORG_MEMBER"] })).await;
            let users = self.path("/api/byleave/v1/organizations/{orgId}/users");
            let users = owner.get(&users).await.ok();
            let leaves = users["results"].as_array().unwrap().iter().find(|user| user["userName"] == name).unwrap();
            let path = self.path(template).replace("{id}", &text(&leaves["id"]));
            let stale = Call::new(Method::DELETE, &path).header("if-match", "\"another\"");
            self.call(template, &owner, stale).await.refused(412, "PRECONDITION_FAILED");
            assert!(self.call(template, &owner, Call::new(Method::DELETE, &path)).await.status.is_success());
            let path = self.path(template).replace("{id}", &me);
            let body = json!({ "roles": { "orgRoles": [last] } }).to_string();
            let call = Call::new(Method::PATCH, &path).body(body);
            self.call(template, &owner, call).await.refused(409, "LAST_OWNER");
            let call = Call::new(Method::DELETE, &path);
            self.call(template, &owner, call).await.refused(409, "LAST_OWNER");
        }
        let template = "/api/byleave/v1/organizations/{orgId}/users/{id}:resetPassword";
        let path = self.path(template).replace("{id}", &me);
        let reset = Call::new(Method::POST, &path);
        let stale = reset.clone().header("if-match", "\"another\"");
        self.call(template, &owner, stale).await.refused(412, "PRECONDITION_FAILED");
        let reset = reset.header("idempotency-key", "reset");
        self.call(template, &owner, reset.clone()).await.created();
        self.call(template, &owner, reset.clone()).await.refused(409, "ANSWER_NOT_KEPT");
        let other = Call { path: format!("{path}?pretty=true"), ..reset };
        self.call(template, &owner, other).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
        let template = "/api/atlas/v2/orgs/{orgId}/users/{id}:removeRole";
        let body = json!({ "orgRole": "ORG_OWNER" }).to_string();
        let call = Call::new(Method::POST, &self.path(template).replace("{id}", &me)).body(body);
        self.call(template, &owner, call).await.refused(409, "LAST_OWNER");
    }

    /// One person changes their password twice in the same moment: the later change finds another password.
    async fn own_password(&mut self) {
        let refresh = "/api/byleave/v1/session/refresh";
        let change = "/api/byleave/v1/session/password";
        let roles = json!({ "orgRoles": ["ORG_MEMBER"] });
        let person = self.house.person(&self.shop, "hasty@shop.example", roles).await;
        for body in ["{", "{\"password\":\"not this one\"}"] {
            for template in [refresh, change] {
                self.call(template, &person, Call::new(Method::POST, template).body(body)).await;
            }
        }
        let large = "x".repeat(TOO_LARGE);
        for template in [refresh, change] {
            self.call(template, &person, Call::new(Method::POST, template).body(large.clone())).await;
        }
        self.post(refresh, &person, json!({ "password": PASSWORD })).await.ok();
        let body = |new: &str| json!({ "password": PASSWORD, "newPassword": new });
        let (one, two) = tokio::join!(
            person.post(change, body("a calm evening at sea")),
            person.post(change, body("a calm morning at sea"))
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let operation = Operation { method: "POST".into(), path: change.into() };
        self.met.extend(statuses.map(|status| (operation.clone(), status)));
    }

    /// A recording that is too long for an answer.
    async fn long_recording(&mut self, owner: &Client) {
        self.house.door.record(33 * 1024 * 1024);
        let operation = operations().iter().find(|one| one.path.ends_with("/recording")).unwrap();
        let call = self.sound(operation).await;
        self.send(operation, owner, call).await.refused(409, "CONFLICT");
    }

    /// With a clock that went back nothing new opens, until an administrator says so.
    async fn in_doubt(&mut self) {
        let owner = self.house.sign_in("owner@shop.example").await;
        let administrator = self.house.administrator();
        self.house.clock.advance(60_000);
        owner.get("/api/byleave/v1/session").await.ok();
        let name = json!({ "name": "Before the doubt" });
        administrator.post("/api/byleave/v1/employees", name).await.created();
        self.house.clock.advance(-30_000);
        let grant = json!({ "grantType": "CLUSTER_DATABASE_LOGS" });
        let own = "/api/byleave/v1/groups/{groupId}/clusters/{clusterName}:grant";
        self.post(own, &owner, grant).await.refused(409, "CLOCK_IN_DOUBT");
        let atlas = "/api/atlas/v2/groups/{groupId}/clusters/{clusterName}:grantMongoDBEmployeeAccess";
        let grant = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "expirationTime": "2026-11-23T20:00:00Z" });
        self.post(atlas, &owner, grant).await.refused(409, "CLOCK_IN_DOUBT");
        let leave = "/api/byleave/v1/clock:leaveDoubt";
        self.protected(leave, &administrator, Call::new(Method::POST, leave)).await;
    }

    /// Nobody stops the recovery of a lost owner for 72 hours.
    async fn recovery(&mut self) {
        let administrator = self.house.administrator();
        let start = "/api/byleave/v1/organizations/{orgId}:recoverOwner";
        let body = json!({ "ownerUserName": "found@shop.example" });
        self.post(start, &administrator, body.clone()).await.created();
        self.post(start, &administrator, body).await.refused(409, "CONFLICT");
        let invite = "/api/byleave/v1/organizations/{orgId}:inviteRecoveredOwner";
        let call = Call::new(Method::POST, &self.path(invite));
        self.call(invite, &administrator, call).await.refused(409, "CONFLICT");
        self.house.clock.advance(byleave_core::recovery::STOPPABLE_FOR);
        let call = Call::new(Method::POST, &self.path(invite));
        self.protected(invite, &administrator, call).await;
    }
}
