//! Too many requests: of one caller and from one address, on pages and in the API, until the minute has passed.

use std::num::NonZeroU32;

use byleave_web::Limits;
use byleave_web::rate::Rates;
use serde_json::json;

use crate::house::{House, PASSWORD, text};

fn few(caller: u32, address: u32) -> Limits {
    let rate = |rate| NonZeroU32::new(rate).unwrap();
    Limits { rates: Rates { caller: rate(caller), address: rate(address) }, ..Limits::default() }
}

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_when_to_come_back() {
    let house = House::with(few(6, 1000)).await;
    let shop = house.customer("shop").await;
    let path = format!("/api/atlas/v2/orgs/{}", shop.organization);
    let first = shop.owner.get(&path).await;
    assert_eq!(first.header("ratelimit-limit"), "6");
    let mut remaining: u32 = first.header("ratelimit-remaining").parse().unwrap();
    while remaining > 0 {
        let next = shop.owner.get(&path).await;
        assert_eq!(next.header("ratelimit-remaining"), (remaining - 1).to_string());
        remaining -= 1;
    }
    let refused = shop.owner.get(&path).await;
    assert_eq!(refused.header("retry-after"), "11");
    refused.refused(429, "RATE_LIMITED");
    house.nobody().get("/api/byleave/v1/health").await.ok();
    house.clock.advance(10_000);
    shop.owner.get(&path).await.ok();
    shop.owner.get(&path).await.refused(429, "RATE_LIMITED");
}

#[tokio::test]
async fn one_caller_takes_nothing_from_another() {
    let house = House::with(few(8, 1000)).await;
    let (shop, mill) = (house.customer("shop").await, house.customer("mill").await);
    let path = |id: &str| format!("/api/atlas/v2/orgs/{id}");
    for _ in 0..8 {
        shop.owner.get(&path(&shop.organization)).await;
    }
    shop.owner.get(&path(&shop.organization)).await.refused(429, "RATE_LIMITED");
    mill.owner.get(&path(&mill.organization)).await.ok();
}

#[tokio::test]
async fn wrong_credentials_are_counted_by_address_and_pages_are_too() {
    let house = House::with(few(1000, 5)).await;
    for _ in 0..5 {
        house.nobody().get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    }
    house.nobody().get("/api/atlas/v2/orgs").await.refused(429, "RATE_LIMITED");
    let page = house.nobody().get("/sign-in").await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (429, "13"));
    assert!(page.text.contains("Too many requests"), "{}", page.text);
    house.clock.advance(60_000);
    house.nobody().get("/sign-in").await;
}

#[tokio::test]
async fn too_many_requests_never_keep_a_revoke_a_block_or_an_end_away() {
    let house = House::with(few(6, 1000)).await;
    let shop = house.customer("shop").await;
    let session = house.session(&shop).await;
    let cluster = format!("/api/atlas/v2/groups/{}/clusters/{}", shop.project, shop.cluster);
    while shop.owner.get(&cluster).await.status == 200 {}
    shop.owner.get(&cluster).await.refused(429, "RATE_LIMITED");
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": true })).await.ok();
    shop.owner.post_nothing(&format!("{cluster}:revokeMongoDBEmployeeAccess")).await.is(204);
    assert_ne!(shop.owner.post_nothing(&format!("/api/byleave/v1/sessions/{session}:end")).await.status, 429);
}

#[tokio::test]
async fn ending_a_token_closes_no_door_and_is_counted_like_the_rest() {
    let house = House::with(few(1000, 5)).await;
    for _ in 0..5 {
        assert_ne!(house.nobody().post_nothing("/api/oauth/revoke").await.status, 429);
    }
    assert_eq!(house.nobody().post_nothing("/api/oauth/revoke").await.status, 429);
}

#[tokio::test]
async fn a_right_token_is_taken_however_many_wrong_ones_came_from_its_address() {
    let house = House::with(few(10, 40)).await;
    let shop = house.customer("shop").await;
    let users = format!("/api/byleave/v1/organizations/{}/users", shop.organization);
    let invite = async |name: &str| {
        let body = json!({ "userName": name, "roles": { "orgRoles": ["ORG_MEMBER"] } });
        text(&shop.owner.post(&users, body).await.created()["token"])
    };
    let (token, other) = (invite("sam@shop.example").await, invite("jo@shop.example").await);
    let of = |token: &str| format!("/api/byleave/v1/invitations/{token}");
    let nobody = house.nobody();
    let wrong = "0a".repeat(32);
    for _ in 0..40 {
        nobody.get(&of(&wrong)).await;
    }
    let claim = json!({ "password": PASSWORD });
    for path in [of(&wrong), of("short"), format!("/invitations/{wrong}"), "/sign-in".to_owned()] {
        assert_eq!(nobody.get(&path).await.status, 429, "{path}");
    }
    nobody.post(&format!("{}:claim", of(&wrong)), claim.clone()).await.refused(429, "RATE_LIMITED");
    assert_eq!(nobody.get(&format!("/invitations/{token}")).await.status, 200);
    nobody.get(&of(&token)).await.ok();
    nobody.post(&format!("{}:claim", of(&token)), claim.clone()).await.created();
    nobody.post(&format!("{}:claim", of(&token)), claim).await.refused(429, "RATE_LIMITED");
    for _ in 0..10 {
        nobody.get(&of(&other)).await.ok();
    }
    nobody.get(&of(&other)).await.refused(429, "RATE_LIMITED");
}
