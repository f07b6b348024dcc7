//! What closes the door is carried out each time, however its verb is written, whatever the headers say, and however many
//! requests came before.

use std::num::NonZeroU32;

use byleave_web::Limits;
use byleave_web::rate::Rates;
use reqwest::Method;
use serde_json::json;

use crate::client::Call;
use crate::house::{Customer, House, public_key};

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
