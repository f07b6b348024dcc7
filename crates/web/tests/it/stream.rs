//! The stream of events: it goes on from a cursor, leaves nothing out, and ends with the sign-in, the role or the server.

use serde_json::json;

use crate::accounts;
use crate::client::{Client, Stream};
use crate::house::{Customer, House, text};

fn path(shop: &Customer) -> String {
    format!("/api/byleave/v1/organizations/{}/events/stream", shop.organization)
}

async fn block(shop: &Customer, block: bool) {
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": block })).await.ok();
}

async fn name(stream: &mut Stream) -> String {
    stream.next().await.unwrap().1
}

#[tokio::test]
async fn events_come_as_they_happen() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let mut stream = shop.owner.stream(&path(&shop), None).await;
    block(&shop, true).await;
    assert_eq!(name(&mut stream).await, "organization.blocked");
    block(&shop, false).await;
    assert_eq!(name(&mut stream).await, "organization.unblocked");
}

#[tokio::test]
async fn a_stream_goes_on_from_its_cursor_without_a_gap_or_a_repetition() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    for on in [true, false].into_iter().cycle().take(520) {
        block(&shop, on).await;
    }
    let feed = format!("/api/byleave/v1/organizations/{}/events?itemsPerPage=1", shop.organization);
    let last = shop.owner.get(&feed).await.ok()["results"][0]["index"].as_u64().unwrap();
    let mut stream = shop.owner.stream(&format!("{}?after=0", path(&shop)), None).await;
    for index in 1..=last {
        assert_eq!(stream.next().await.unwrap().0, index.to_string());
    }
    let middle = (last / 2).to_string();
    let mut again = shop.owner.stream(&format!("{}?after=0", path(&shop)), Some(&middle)).await;
    assert_eq!(again.next().await.unwrap().0, (last / 2 + 1).to_string(), "Last-Event-ID wins");
    block(&shop, true).await;
    assert_eq!(stream.next().await.unwrap().0, (last + 1).to_string());
}

#[tokio::test]
async fn the_stream_ends_with_the_sign_in() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let mut stream = shop.owner.stream(&path(&shop), None).await;
    shop.owner.delete("/api/byleave/v1/session").await.done();
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn the_stream_of_a_service_account_ends_with_its_token() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path_of = format!("/api/atlas/v2/orgs/{}/serviceAccounts", shop.organization);
    let body = json!({ "name": "a", "description": "b", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
    let made = shop.owner.post(&path_of, body).await.created();
    let (id, secret) = (text(&made["clientId"]), text(&made["secrets"][0]["secret"]));
    let (client, _) = accounts::sign_in(&house, &id, &secret).await;
    let mut stream = client.stream(&path(&shop), None).await;
    block(&shop, true).await;
    assert_eq!(name(&mut stream).await, "organization.blocked");
    house.clock.advance(3_600_000);
    assert_eq!(stream.next().await, None, "after an hour");
}

#[tokio::test]
async fn the_stream_ends_with_the_server() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let mut stream = shop.owner.stream(&path(&shop), None).await;
    house.shutdown.cancel();
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn who_may_not_read_the_organization_gets_no_stream() {
    let house = House::open().await;
    let (shop, mill) = (house.customer("shop").await, house.customer("mill").await);
    mill.owner.get(&path(&shop)).await.refused(404, "ORG_NOT_FOUND");
    house.nobody().get(&path(&shop)).await.refused(401, "UNEXPECTED_ERROR");
    let bad = shop.owner.get(&format!("{}?after=now", path(&shop))).await.refused(400, "INVALID_QUERY_PARAMETER");
    assert!(bad.contains("after"), "{bad}");
}

#[tokio::test]
async fn the_stream_of_an_account_ends_when_its_access_list_holds_its_address_no_more() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let accounts = format!("/api/atlas/v2/orgs/{}/serviceAccounts", shop.organization);
    let body = json!({ "name": "a", "description": "b", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
    let made = shop.owner.post(&accounts, body).await.created();
    let (id, secret) = (text(&made["clientId"]), text(&made["secrets"][0]["secret"]));
    let (client, _) = accounts::sign_in(&house, &id, &secret).await;
    let keys = format!("/api/atlas/v2/orgs/{}/apiKeys", shop.organization);
    let made = shop.owner.post(&keys, json!({ "desc": "a", "roles": ["ORG_MEMBER"] })).await.ok();
    let key = Client::digest(house.address, &text(&made["publicKey"]), &text(&made["privateKey"]));
    for (mut stream, list) in [
        (client.stream(&path(&shop), None).await, format!("{accounts}/{id}/accessList")),
        (key.stream(&path(&shop), None).await, format!("{keys}/{}/accessList", text(&made["id"]))),
    ] {
        block(&shop, true).await;
        assert_eq!(name(&mut stream).await, "organization.blocked");
        shop.owner.post(&list, json!([{ "ipAddress": "127.0.0.1" }])).await.succeeds();
        block(&shop, false).await;
        while name(&mut stream).await != "organization.unblocked" {}
        shop.owner.post(&list, json!([{ "ipAddress": "192.0.2.1" }])).await.succeeds();
        shop.owner.delete(&format!("{list}/127.0.0.1")).await.done();
        while stream.next().await.is_some() {}
    }
}

#[tokio::test]
async fn the_stream_of_a_key_ends_with_the_key() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let keys = format!("/api/atlas/v2/orgs/{}/apiKeys", shop.organization);
    let made = shop.owner.post(&keys, json!({ "desc": "a", "roles": ["ORG_MEMBER"] })).await.ok();
    let key = Client::digest(house.address, &text(&made["publicKey"]), &text(&made["privateKey"]));
    let mut stream = key.stream(&path(&shop), None).await;
    shop.owner.delete(&format!("{keys}/{}", text(&made["id"]))).await.done();
    assert_eq!(stream.next().await, None);
}
