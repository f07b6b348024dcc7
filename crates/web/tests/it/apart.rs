//! The two answers that [`crate::walk`] leaves out, of every operation: 429 where too many requests came, 503 where the
//! store does not answer; each exactly where it is documented.

use std::collections::BTreeSet;
use std::num::NonZeroU32;

use byleave_web::Limits;
use byleave_web::rate::Rates;
use reqwest::Method;

use crate::client::{Call, Client};
use crate::described::{Operation, operations, pairs};
use crate::house::House;

/// A call of an operation that is refused for none but the reason of the test.
fn call(operation: &Operation) -> Call {
    let mut path = String::new();
    for part in operation.path.split('{') {
        path.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
        path.push('x');
    }
    let path = path.strip_suffix('x').unwrap();
    let call = Call::new(Method::from_bytes(operation.method.as_bytes()).unwrap(), path);
    if operation.path.starts_with("/api/oauth/") {
        let id = format!("mdb_sa_id_{}", "0".repeat(24));
        let form = format!("grant_type=client_credentials&token=x&client_id={id}&client_secret=x");
        return call.body(form).header("content-type", "application/x-www-form-urlencoded");
    }
    match operation.path.as_str() {
        "/api/byleave/v1/session" if operation.method == "POST" => {
            call.body(r#"{"userName":"owner@shop.example","password":"not this one"}"#)
        }
        _ => call,
    }
}

/// Sends a call of each operation: those are answered with this status that say so, and no others.
async fn assert_answered(house: &House, status: u16) {
    let (nobody, somebody) = (house.nobody(), Client::bearer(house.address, "a token that nobody knows"));
    let mut found = BTreeSet::new();
    for operation in operations() {
        // OAuth's clients show theirs in the form.
        let client = if operation.path.starts_with("/api/oauth/") { &nobody } else { &somebody };
        if client.send(call(operation)).await.status == status {
            found.insert(operation.clone());
        }
    }
    let told = pairs().into_iter().filter(|(_, known)| *known == status).map(|(operation, _)| operation).collect();
    let odd: Vec<_> = found.symmetric_difference(&told).collect();
    assert!(!told.is_empty() && odd.is_empty(), "{odd:#?}");
}

#[tokio::test]
async fn too_many_requests_are_told_by_every_operation_that_says_so_and_by_no_other() {
    let one = NonZeroU32::MIN;
    let limits = Limits { rates: Rates { caller: one, address: one }, ..Limits::default() };
    let house = House::with(limits).await;
    house.nobody().get("/api/atlas/v2").await.refused(401, "UNEXPECTED_ERROR");
    assert_answered(&house, 429).await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_told_by_every_operation_that_says_so_and_by_no_other() {
    let house = House::open().await;
    let database = house.dir.path().join("byleave.db");
    std::fs::rename(&database, house.dir.path().join("away.db")).unwrap();
    assert_answered(&house, 503).await;
}
