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
async fn the_member_to_read_from_is_one_of_the_servers_and_a_plan_shows_it() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let ca = "-----BEGIN CERTIFICATE-----\nMIIBAzCBtqADAgECAhQ=\n-----END CERTIFICATE-----\n";
    let body = |servers: serde_json::Value, ca: Option<&str>, member: &str| {
        let mut cluster = json!({
            "organization": shop.organization, "project": "Main", "name": "Plain", "host": "plain.shop.example",
            "syncDatabases": ["appsync_*"], "syncServers": servers, "syncMember": member,
        });
        if let Some(ca) = ca {
            cluster["syncCa"] = ca.into();
        }
        json!({ "clusters": [cluster], "prune": false })
    };
    let two = json!(["db-0.example:27017", "db-1.example:27017"]);
    let plan = "/api/byleave/v1/inventory:plan";
    for (servers, ca, member, field, rule) in [
        (&two, Some(ca), "db-9.example:27017", "syncMember", "must be one of `syncServers`, not `db-9.example:27017`"),
        (&two, Some(ca), "db-1.example", "syncMember", "and a port"),
        (&json!([]), None, "db-1.example:27017", "syncServers", "of which `syncMember` is one"),
    ] {
        let answer = house.administrator().post(plan, body(servers.clone(), ca, member)).await;
        let told = answer.json()["badRequestDetail"]["fields"][0].clone();
        assert_eq!(told["field"], format!("clusters[0].{field}"), "{told}");
        assert!(told["description"].as_str().unwrap().contains(rule), "{told}");
        answer.refused(400, "VALIDATION_ERROR");
    }
    let planned = house.administrator().post(plan, body(two.clone(), Some(ca), "db-1.example:27017")).await.ok();
    let set = planned["changes"].as_array().unwrap().iter().find(|change| change["event"] == "sync_servers.set");
    assert_eq!(set.unwrap()["data"]["member"], "db-1.example:27017", "{planned}");
    let apply = "/api/byleave/v1/inventory:apply";
    house.administrator().post(apply, body(two, Some(ca), "db-1.example:27017")).await.ok();
    let shown = house.administrator().get("/api/byleave/v1/inventory").await.ok();
    let plain = shown["clusters"].as_array().unwrap().iter().find(|cluster| cluster["name"] == "Plain").unwrap();
    assert_eq!(plain["syncMember"], "db-1.example:27017");
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
