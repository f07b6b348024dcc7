//! What closes the door is carried out each time, however its verb is written, whatever the headers say, and however many
//! requests came before.

use std::num::NonZeroU32;

use byleave_web::Limits;
use byleave_web::rate::Rates;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House, public_key, text};

fn few(caller: u32, address: u32) -> Limits {
    let rate = |rate| NonZeroU32::new(rate).unwrap();
    Limits { rates: Rates { caller: rate(caller), address: rate(address) }, ..Limits::default() }
}

/// The ways to write the verbs that revoke.
fn revokes(shop: &Customer) -> Vec<String> {
    let (own, atlas) = (shop.own_cluster(), shop.atlas_cluster());
    vec![
        format!("{own}:revoke"),
        format!("{own}%3Arevoke"),
        format!("{own}%3arevok%65"),
        format!("{own}:%72evoke"),
        format!("{atlas}:revokeMongoDBEmployeeAccess"),
        format!("{atlas}%3ArevokeMongoDBEmployeeAccess"),
        format!("{atlas}:revoke%4DongoDBEmployeeAccess"),
    ]
}

async fn grant(shop: &Customer) {
    let body = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "duration": "1h" });
    shop.owner.post(&format!("{}:grant", shop.own_cluster()), body).await.created();
}

async fn is_open(shop: &Customer) -> bool {
    shop.owner.get(&shop.atlas_cluster()).await.ok()["mongoDBEmployeeAccessGrant"].is_object()
}

fn revoke(path: &str) -> Call {
    Call::new(Method::POST, path)
}

#[tokio::test]
async fn a_revoke_is_carried_out_each_time_however_its_verb_is_written() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    for (number, path) in revokes(&shop).iter().enumerate() {
        for _ in 0..2 {
            grant(&shop).await;
            assert!(is_open(&shop).await);
            let key = format!("key-{number}");
            let answer = shop.owner.send(revoke(path).header("idempotency-key", &key)).await;
            assert!(answer.status.is_success(), "{path}: {}", answer.text);
            assert!(answer.headers.get("idempotency-replayed").is_none(), "{path}");
            assert!(!is_open(&shop).await, "{path}");
        }
        let (tag, kind) =
            (revoke(path).header("if-match", "\"zz\""), revoke(path).body("{}").header("content-type", "text/plain"));
        for call in [tag, kind, revoke(path).header("if-match", "zz")] {
            let answer = shop.owner.send(call).await;
            assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.text);
        }
    }
}

#[tokio::test]
async fn an_encoded_verb_stops_a_recovery_and_disables_an_employee_each_time() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (own, administrator) = (format!("/api/byleave/v1/organizations/{}", shop.organization), house.administrator());
    let body = json!({ "ownerUserName": "ada@shop.example" });
    let with_key = |path: &str| revoke(path).header("idempotency-key", "one");
    for _ in 0..2 {
        administrator.post(&format!("{own}:recoverOwner"), body.clone()).await.created();
        let stopped = shop.owner.send(with_key(&format!("{own}%3AstopRecovery"))).await.ok();
        assert_eq!(stopped["recovery"]["status"], "stopped", "{stopped}");
        let seen = shop.owner.get(&format!("{own}/recovery")).await.ok();
        assert_eq!(seen["recovery"]["status"], "stopped", "{seen}");
    }
    let (employee, _) = house.employee("Kim", &public_key("kim")).await;
    let path = format!("/api/byleave/v1/employees/{employee}");
    for _ in 0..2 {
        let done = administrator.send(with_key(&format!("{path}%3Adisable"))).await;
        assert!(done.headers.get("idempotency-replayed").is_none());
        done.ok();
        let call = with_key(&format!("{path}:disable")).body("x").header("content-type", "text/plain");
        administrator.send(call.header("if-match", "zz")).await.ok();
        administrator.post_nothing(&format!("{path}:enable")).await.ok();
    }
}

#[tokio::test]
async fn a_key_of_an_employee_is_removed_whatever_the_headers_say() {
    let house = House::open().await;
    let (employee, key) = house.employee("Kim", &public_key("kim")).await;
    let path = format!("/api/byleave/v1/employees/{employee}/keys/{key}");
    let call = Call::new(Method::DELETE, &path).body("x").header("content-type", "text/plain");
    house.administrator().send(call.header("if-match", "\"zz\"")).await.ok();
}

#[tokio::test]
async fn no_number_of_requests_keeps_an_encoded_verb_away() {
    let house = House::with(few(1000, 60)).await;
    let shop = house.customer("shop").await;
    grant(&shop).await;
    while house.nobody().get("/api/atlas/v2/orgs").await.status == 401 {}
    for path in revokes(&shop) {
        assert!(shop.owner.send(revoke(&path)).await.status.is_success(), "{path}");
    }
}

fn patch(path: &str, body: &Value) -> Call {
    Call::new(Method::PATCH, path).body(body.to_string())
}

fn both_settings(shop: &Customer) -> [String; 2] {
    [
        format!("/api/byleave/v1/organizations/{}/settings", shop.organization),
        format!("/api/atlas/v2/orgs/{}/settings", shop.organization),
    ]
}

async fn blocked(shop: &Customer) -> bool {
    shop.owner.get(&both_settings(shop)[1]).await.ok()["restrictEmployeeAccess"] == true
}

#[tokio::test]
async fn a_body_that_only_blocks_is_carried_out_whatever_the_headers_say() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let block = json!({ "restrictEmployeeAccess": true });
    let none = json!({ "restrictEmployeeAccess": true, "multiFactorAuthRequired": false });
    let [own, atlas] = both_settings(&shop);
    for (path, body) in [(&own, &block), (&atlas, &block), (&atlas, &none)] {
        for (name, value) in [("if-match", "garbage"), ("if-match", "\"old\""), ("content-type", "text/plain")] {
            shop.owner.patch(path, json!({ "restrictEmployeeAccess": false })).await.ok();
            shop.owner.send(patch(path, body).header(name, value)).await.ok();
            assert!(blocked(&shop).await, "{path} {name}: {value}");
        }
    }
    let more = json!({ "restrictEmployeeAccess": true, "securityContact": "a@shop.example" });
    let bad = |body: &Value| patch(&atlas, body).header("if-match", "garbage");
    shop.owner.patch(&atlas, json!({ "restrictEmployeeAccess": false })).await.ok();
    shop.owner.send(bad(&more)).await.refused(400, "VALIDATION_ERROR");
    shop.owner
        .send(patch(&atlas, &more).header("content-type", "text/plain"))
        .await
        .refused(415, "UNSUPPORTED_MEDIA_TYPE");
    assert!(!blocked(&shop).await, "a body with more is all or nothing");
    shop.owner.send(bad(&json!({ "restrictEmployeeAccess": false }))).await.refused(400, "VALIDATION_ERROR");
    house.nobody().send(patch(&atlas, &block)).await.refused(401, "UNEXPECTED_ERROR");
}

/// Sends until the limit is reached.
async fn exhaust(client: &Client, path: &str) {
    while client.get(path).await.status != 429 {}
}

#[tokio::test]
async fn of_settings_only_what_blocks_is_never_limited() {
    let house = House::with(few(12, 1000)).await;
    let shop = house.customer("shop").await;
    exhaust(&shop.owner, &shop.atlas_cluster()).await;
    for path in both_settings(&shop) {
        let lift = json!({ "restrictEmployeeAccess": false });
        shop.owner.patch(&path, lift).await.refused(429, "RATE_LIMITED");
        shop.owner.patch(&path, json!({ "restrictEmployeeAccess": true })).await.ok();
    }
    let [_, atlas] = both_settings(&shop);
    shop.owner.patch(&atlas, json!({ "securityContact": "a@b.example" })).await.refused(429, "RATE_LIMITED");
    let more = json!({ "restrictEmployeeAccess": true, "securityContact": "a@b.example" });
    shop.owner.patch(&atlas, more).await.ok();
}

#[tokio::test]
async fn from_a_loud_address_who_may_closes_and_nobody_else_is_looked_at() {
    let house = House::with(few(1000, 40)).await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    exhaust(&house.nobody(), "/api/atlas/v2/orgs").await;
    let [own, atlas] = both_settings(&shop);
    let (block, lift) = (json!({ "restrictEmployeeAccess": true }), json!({ "restrictEmployeeAccess": false }));
    let guess = Client::bearer(house.address, "a guess");
    for path in [&own, &atlas] {
        guess.patch(path, block.clone()).await.refused(429, "RATE_LIMITED");
        guess.patch(path, lift.clone()).await.refused(429, "RATE_LIMITED");
        shop.owner.patch(path, lift.clone()).await.refused(429, "RATE_LIMITED");
        shop.owner.patch(path, block.clone()).await.ok();
    }
    guess.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.refused(429, "RATE_LIMITED");
    // A client of HTTP Digest asks without credentials first, some without a body.
    house.nobody().send(Call::new(Method::PATCH, &atlas)).await.refused(401, "UNEXPECTED_ERROR");
    key.patch(&atlas, block).await.ok();
    key.post_nothing(&format!("{}:revokeMongoDBEmployeeAccess", shop.atlas_cluster())).await.done();
}

async fn token(house: &House, path: &str, id: &str, secret: &str) -> Answer {
    let form = format!("grant_type=client_credentials&token=x&client_id={id}&client_secret={secret}");
    let call = Call::new(Method::POST, path).body(form);
    house.nobody().send(call.header("content-type", "application/x-www-form-urlencoded")).await
}

#[tokio::test]
async fn tokens_are_counted_by_client() {
    for path in ["/api/oauth/token", "/api/oauth/revoke"] {
        let house = House::with(few(8, 1000)).await;
        let shop = house.customer("shop").await;
        let accounts = format!("/api/atlas/v2/orgs/{}/serviceAccounts", shop.organization);
        let body = json!({ "name": "a", "description": "a", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
        let made = shop.owner.post(&accounts, body).await.created();
        let (id, secret) = (text(&made["clientId"]), text(&made["secrets"][0]["secret"]));
        for _ in 0..8 {
            assert_eq!(token(&house, path, &id, &secret).await.status, 200);
        }
        let refused = token(&house, path, &id, &secret).await;
        assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-remaining")), ("8", "0"));
        assert!(!refused.header("retry-after").is_empty());
        refused.refused(429, "RATE_LIMITED");
        assert_eq!(token(&house, path, &id, "wrong").await.status, 401, "whoever does not know the secret");
    }
}

#[tokio::test]
async fn a_loud_address_revokes_no_tokens() {
    let house = House::with(few(1000, 20)).await;
    exhaust(&house.nobody(), "/api/atlas/v2/orgs").await;
    token(&house, "/api/oauth/revoke", "mdb_sa_id_0123456789abcdef01234567", "x").await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn every_answer_to_somebody_tells_what_is_left() {
    let house = House::with(few(12, 1000)).await;
    let shop = house.customer("shop").await;
    let left = |answer: &Answer| {
        (answer.header("ratelimit-limit").to_owned(), answer.header("ratelimit-remaining").to_owned())
    };
    let missing = shop.owner.get("/api/atlas/v2/groups/0123456789abcdef01234567").await;
    assert_eq!(left(&missing).0, "12");
    let remaining: u32 = left(&missing).1.parse().unwrap();
    missing.refused(404, "GROUP_NOT_FOUND");
    let revoked = shop.owner.post_nothing(&format!("{}:revoke", shop.own_cluster())).await;
    assert_eq!(left(&revoked), ("12".to_owned(), (remaining - 1).to_string()));
    let blocked = shop.owner.patch(&both_settings(&shop)[0], json!({ "restrictEmployeeAccess": true })).await;
    assert_eq!(left(&blocked), ("12".to_owned(), (remaining - 2).to_string()));
    exhaust(&shop.owner, &shop.atlas_cluster()).await;
    let refused = shop.owner.get(&shop.atlas_cluster()).await;
    assert_eq!(left(&refused), ("12".to_owned(), "0".to_owned()));
    let revoked = shop.owner.post_nothing(&format!("{}:revoke", shop.own_cluster())).await;
    assert_eq!(left(&revoked), ("12".to_owned(), "0".to_owned()));
}
