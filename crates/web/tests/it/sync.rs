//! What the gateway signs in to sync databases with: set by the administrator, or supplied with a grant; never shown.

use serde_json::json;

use crate::house::{House, Told};

#[tokio::test]
async fn a_credential_comes_with_a_grant_of_sync_data_only_and_is_never_shown() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let grant = format!("{}:grant", shop.own_cluster());
    let credential = json!({ "user": "gateway", "password": "a very secret word" });
    let other = json!({ "grantType": "CLUSTER_INFRASTRUCTURE", "syncCredential": credential });
    let detail = shop.owner.post(&grant, other).await.refused(400, "VALIDATION_ERROR");
    assert!(detail.contains("syncCredential") && !detail.contains("secret"), "{detail}");
    let kind = "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA";
    for half in [json!({ "user": "gateway" }), json!({ "password": "a very secret word" }), json!({})] {
        let body = json!({ "grantType": kind, "syncCredential": half });
        let detail = shop.owner.post(&grant, body).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("syncCredential.") && !detail.contains("secret"), "{detail}");
    }
    assert!(!house.door.take().iter().any(|told| matches!(told, Told::Supplied(_))), "nothing was granted");
    let given = shop.owner.post(&grant, json!({ "grantType": kind, "syncCredential": credential })).await.created();
    let supplied = house.door.take();
    let id = given["grant"]["id"].as_str().unwrap();
    assert!(
        supplied.iter().any(|told| matches!(told, Told::Supplied(grant) if grant.to_string() == id)),
        "{supplied:?}"
    );
    let events = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    assert!(!given.to_string().contains("secret") && !events.to_string().contains("secret"));
}

#[tokio::test]
async fn the_administrator_sets_a_credential_and_the_customer_sees_that_they_did() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = "/api/byleave/v1/inventory:setSyncCredential";
    let body = json!({ "host": "cluster0.shop.example", "credential": { "user": "gateway", "password": "secret" } });
    shop.owner.post(path, body.clone()).await.refused(404, "RESOURCE_NOT_FOUND");
    house.administrator().post(path, body).await.ok();
    let unknown = json!({ "host": "nowhere.example", "credential": { "user": "gateway", "password": "secret" } });
    house.administrator().post(path, unknown).await.is(404);
    let events = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    let told = events["results"].as_array().unwrap().iter().find(|event| event["event"] == "sync_credential.set");
    assert!(told.is_some_and(|event| !event.to_string().contains("secret")), "{events}");
}
