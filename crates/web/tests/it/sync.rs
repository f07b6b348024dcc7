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

#[tokio::test]
async fn sync_data_is_granted_where_the_inventory_names_it_and_elsewhere_both_apis_refuse_and_say_why() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let plain = json!({
        "organization": shop.organization, "project": "Main", "name": "Plain", "host": "plain.shop.example",
    });
    let body = json!({ "clusters": [plain], "prune": false });
    house.administrator().post("/api/byleave/v1/inventory:apply", body).await.ok();
    let clusters = format!("/api/byleave/v1/organizations/{}/clusters", shop.organization);
    let clusters = shop.owner.get(&clusters).await.ok();
    let is_plain = |cluster: &&serde_json::Value| cluster["name"] == "Plain";
    let plain = clusters["results"].as_array().unwrap().iter().find(is_plain).unwrap()["groupId"].as_str().unwrap();
    let kind = "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA";
    let atlas = json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": kind });
    for blocked in [false, true] {
        let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
        key.patch(&settings, json!({ "restrictEmployeeAccess": blocked })).await.ok();
        let own = format!("/api/byleave/v1/groups/{plain}/clusters/Plain:grant");
        let detail = shop.owner.post(&own, json!({ "grantType": kind })).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("no App Services sync data in the inventory"), "{detail}");
        let theirs = format!("/api/atlas/v2/groups/{plain}/clusters/Plain:grantMongoDBEmployeeAccess");
        let detail = key.post(&theirs, atlas.clone()).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("no App Services sync data in the inventory"), "{detail}");
        let granted = shop.owner.post(&format!("{}:grant", shop.own_cluster()), json!({ "grantType": kind })).await;
        assert_eq!(granted.created()["grant"]["grantType"], kind, "blocked: {blocked}");
        key.post(&format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster()), atlas.clone()).await.done();
        assert_eq!(key.get(&shop.atlas_cluster()).await.ok()["mongoDBEmployeeAccessGrant"]["grantType"], kind);
    }
}
