//! Invariant 4: the administrator tries everything that consents, by every call and trick, and is refused each time.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Call;
use crate::house::{House, PASSWORD, Told, cluster, public_key, text};

#[tokio::test]
async fn the_administrator_cannot_consent_by_any_call() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let administrator = house.administrator();
    let (own, atlas) = (shop.own_cluster(), shop.atlas_cluster());
    let organization = format!("/api/byleave/v1/organizations/{}", shop.organization);
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    key.patch(&settings, json!({ "restrictEmployeeAccess": true })).await.ok();
    let owner = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
    let keys = key.get(&format!("{organization}/apiKeys")).await.ok();
    let key_id = text(&keys["results"][0]["id"]);
    let events = format!("{organization}/events");
    let before = key.get(&events).await.ok();

    let roles = json!({ "orgRoles": ["ORG_OWNER"] });
    let atlas_grant = json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "CLUSTER_INFRASTRUCTURE" });
    let grant = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" });
    let tries: Vec<(Method, String, Value)> = vec![
        (Method::POST, format!("{own}:grant"), grant),
        (Method::POST, format!("{atlas}:grantMongoDBEmployeeAccess"), atlas_grant),
        (Method::POST, format!("{own}:revoke"), json!({})),
        (Method::PATCH, settings.clone(), json!({ "restrictEmployeeAccess": false })),
        (Method::PATCH, format!("{organization}/settings"), json!({ "restrictEmployeeAccess": false })),
        (Method::PATCH, format!("{organization}/settings"), json!({ "longestGrantMs": 86_400_000 })),
        (Method::POST, format!("{organization}/users"), json!({ "userName": "evil@acme.example", "roles": roles })),
        (Method::PATCH, format!("{organization}/users/{owner}"), json!({ "roles": { "orgRoles": ["ORG_MEMBER"] } })),
        (Method::DELETE, format!("{organization}/users/{owner}"), Value::Null),
        (Method::POST, format!("{organization}/apiKeys"), json!({ "description": "evil", "roles": roles })),
        (Method::DELETE, format!("{organization}/apiKeys/{key_id}"), Value::Null),
        (Method::POST, format!("{organization}:inviteOwner"), json!({ "ownerUserName": "evil@acme.example" })),
        (Method::POST, format!("{organization}:inviteRecoveredOwner"), Value::Null),
        (Method::POST, format!("{organization}:stopRecovery"), Value::Null),
        (Method::POST, "/api/byleave/v1/requests/111111111111111111111111:approve".into(), Value::Null),
        (Method::POST, "/api/byleave/v1/requests/111111111111111111111111:decline".into(), Value::Null),
        (Method::POST, format!("/api/byleave/v1/nodes/{}:acceptRisk", shop.node), json!({ "reason": "trust me" })),
        (Method::POST, "/api/byleave/v1/session/refresh".into(), json!({ "password": PASSWORD })),
    ];
    for (method, path, body) in tries {
        let mut call = Call::new(method.clone(), &path);
        if !body.is_null() {
            call = call.body(body.to_string());
        }
        let answer = administrator.send(call).await;
        assert!(matches!(answer.status.as_u16(), 403 | 404 | 409), "{method} {path}: {answer:?}");
    }
    assert_eq!(key.get(&events).await.ok(), before, "nothing was written");
    assert_eq!(key.get(&settings).await.ok()["restrictEmployeeAccess"], true);
    assert_eq!(key.get(&own).await.ok().get("grant"), None);
    let cuts = house.door.take();
    assert!(cuts.iter().all(|told| matches!(told, Told::Unlatch(_))), "{cuts:?}");
}

#[tokio::test]
async fn inventory_tricks_widen_no_consent() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let other = house.customer("other").await;
    let administrator = house.administrator();
    let apply = "/api/byleave/v1/inventory:apply";
    let both = |shop: Value, other: Value| json!({ "clusters": [shop, other], "prune": true });
    let mut moved = cluster(&other.organization, "shop");
    moved["name"] = json!("Cluster1");
    moved["project"] = json!("Production");
    let tricks = [
        ("a cluster's node in another organization", both(cluster(&other.organization, "other"), moved)),
        ("the address of another cluster's node", {
            let mut evil = cluster(&other.organization, "other");
            evil["nodes"][0]["address"] = json!("shop.internal:22");
            both(cluster(&shop.organization, "shop"), evil)
        }),
        ("the host key of another cluster's node", {
            let mut evil = cluster(&other.organization, "other");
            evil["nodes"][0]["hostKey"] = json!(public_key("shop"));
            both(cluster(&shop.organization, "shop"), evil)
        }),
        ("the host name of another cluster", {
            let mut evil = cluster(&other.organization, "other");
            evil["host"] = json!("cluster0.shop.example");
            both(cluster(&shop.organization, "shop"), evil)
        }),
    ];
    for (trick, body) in tricks {
        administrator.post(apply, body.clone()).await.refused(400, "INVENTORY_REFUSED");
        administrator.post("/api/byleave/v1/inventory:plan", body).await.refused(400, "INVENTORY_REFUSED");
        let shown = shop.owner.get(&shop.own_cluster()).await.ok();
        assert_eq!(shown["revision"], 1, "{trick}");
    }
    let mut reserved = cluster(&shop.organization, "shop");
    reserved["syncDatabases"] = json!(["admin"]);
    let detail = administrator.post(apply, json!({ "clusters": [reserved] })).await.refused(400, "VALIDATION_ERROR");
    assert!(detail.starts_with("field `clusters[0].syncDatabases[0]` must be"), "{detail}");

    shop.owner
        .post(&format!("{}:grant", shop.own_cluster()), json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }))
        .await
        .created();
    let mut wider = cluster(&shop.organization, "shop");
    wider["nodes"].as_array_mut().unwrap().push(json!({
        "host": "node-2.shop.example", "address": "second.internal:22", "hostKey": public_key("second"),
    }));
    let plan = administrator.post(apply, json!({ "clusters": [wider] })).await.ok();
    assert_eq!(plan["changes"][0]["event"], "node.added");
    let shown = shop.owner.get(&shop.own_cluster()).await.ok();
    assert!(
        shown["revision"].as_i64() > shown["grant"]["inventoryRevision"].as_i64(),
        "what is new is not covered: {shown}"
    );
}

#[tokio::test]
async fn what_the_administrator_does_is_done_and_seen() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let session = house.session(&shop).await;
    let administrator = house.administrator();
    let live = administrator.get("/api/byleave/v1/live").await.ok();
    assert_eq!(live["results"][0]["id"], session.to_string());
    let cuts = json!({ "count": 2, "medianMicros": 700, "p99Micros": 700, "worstMicros": 700 });
    assert_eq!(live["cuts"], cuts, "how fast the latest cuts were is published");
    let feed = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    let identifier = text(&feed["results"][0]["by"]).replace("employee:", "");
    let resolve = "/api/byleave/v1/identifiers:resolve";
    let body = json!({ "organizationId": shop.organization, "identifier": identifier });
    assert_eq!(administrator.post(resolve, body).await.ok()["name"], format!("Kim {}", shop.host));
    let feed = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    assert_eq!(feed["results"][0]["event"], "employee_identifier.resolved");

    let report = administrator.post_nothing(&format!("/api/byleave/v1/nodes/{}:check", shop.node)).await.ok();
    assert_eq!((&report["passed"], &report["lines"][0]["text"]), (&json!(true), &json!("closed")));
    let shown = shop.owner.get(&shop.own_cluster()).await.ok();
    assert_eq!(shown["nodes"][0]["check"], "passed");

    house.door.take();
    let employees = administrator.get("/api/byleave/v1/employees").await.ok();
    let employee = &employees["results"][0];
    let path = format!("/api/byleave/v1/employees/{}", text(&employee["id"]));
    administrator.post_nothing(&format!("{path}:disable")).await.ok();
    administrator.post_nothing(&format!("{path}:enable")).await.ok();
    administrator.delete(&format!("{path}/keys/{}", text(&employee["keys"][0]["id"]))).await.ok();
    let told = house.door.take();
    assert!(matches!(told[..], [Told::EndEmployee(_), Told::EndKey(_)]), "{told:?}");
    let end = format!("/api/byleave/v1/sessions/{session}:end");
    assert_eq!(administrator.post_nothing(&end).await.ok(), json!({ "ended": true }));
    assert_eq!(shop.owner.post_nothing(&end).await.ok(), json!({ "ended": true }));
    let told = house.door.take();
    use byleave_core::session::SessionEnd::{EndedByAdministrator, EndedByCustomer};
    assert_eq!(told, [Told::End(session, EndedByAdministrator), Told::End(session, EndedByCustomer)]);
    administrator.get(&format!("/api/byleave/v1/sessions/{session}/recording")).await.refused(403, "USER_UNAUTHORIZED");
    administrator.post_nothing("/api/byleave/v1/clock:leaveDoubt").await.refused(409, "CONFLICT");
}
