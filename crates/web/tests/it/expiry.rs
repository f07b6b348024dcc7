//! When a grant ends: what a client may ask for, and what is refused with the limit named.

use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn an_expiration_is_in_the_next_24_hours() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let (cluster, path) = (shop.atlas_cluster(), format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster()));
    // It is 2026-11-23T18:00:00Z.
    let taken = [
        ("2026-11-23T18:00:01Z", "2026-11-23T18:00:01Z"),
        ("2026-11-24T18:00:00Z", "2026-11-24T18:00:00Z"),
        ("2026-11-24T18:00:01Z", "2026-11-24T18:00:00Z"),
        ("2026-11-24T18:05:00Z", "2026-11-24T18:00:00Z"),
        ("2026-11-24T06:00:00.123Z", "2026-11-24T06:00:00Z"),
        ("2026-11-24T06:00:00.123456789Z", "2026-11-24T06:00:00Z"),
        ("2026-11-24T07:00:00+01:00", "2026-11-24T06:00:00Z"),
        ("2026-11-24T06:00:00+00:00", "2026-11-24T06:00:00Z"),
    ];
    for (asked, given) in taken {
        let body = json!({ "expirationTime": asked, "grantType": "CLUSTER_INFRASTRUCTURE" });
        key.post(&path, body).await.done();
        let shown = key.get(&cluster).await.ok()["mongoDBEmployeeAccessGrant"]["expirationTime"].clone();
        assert_eq!(shown, given, "{asked}");
    }
    let before = key.get(&cluster).await.ok();
    let refused = [
        ("2026-11-23T18:00:00Z", "in the future"),
        ("2026-11-23T17:59:59Z", "in the future"),
        ("1970-01-01T00:00:00Z", "in the future"),
        ("2026-11-24T18:05:00.001Z", "at most 24h"),
        ("2026-11-24T18:06:00Z", "at most 24h"),
        ("9999-12-30T00:00:00Z", "at most 24h"),
        ("9999-12-31T23:59:59Z", "expirationTime"),
        ("2026-11-24T06:00:00", "zone"),
        ("2026-11-24", "zone"),
        ("tomorrow", "ISO 8601"),
        ("", "ISO 8601"),
    ];
    for (asked, named) in refused {
        let body = json!({ "expirationTime": asked, "grantType": "CLUSTER_INFRASTRUCTURE" });
        let detail = key.post(&path, body).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("`expirationTime`") && detail.contains(named), "{asked}: {detail}");
    }
    let body = json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "EVERYTHING" });
    let detail = key.post(&path, body).await.refused(400, "INVALID_ENUM_VALUE");
    assert_eq!(detail, "An invalid enumeration value EVERYTHING was specified.");
    assert_eq!(key.get(&cluster).await.ok(), before, "what was refused changed nothing");
}

#[tokio::test]
async fn an_organization_can_lower_its_longest_grant() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let settings = format!("/api/byleave/v1/organizations/{}/settings", shop.organization);
    let hour = 3_600_000;
    let answer = shop.owner.patch(&settings, json!({ "longestGrantMs": 2 * hour })).await.ok();
    assert_eq!(
        (&answer["longestGrantMs"], &answer["anchors"][0]["log"]),
        (&json!(2 * hour), &json!(shop.organization))
    );
    for bad in [json!(0), json!(-1), json!(24 * hour + 1)] {
        let detail =
            shop.owner.patch(&settings, json!({ "longestGrantMs": bad })).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("`longestGrantMs`"), "{detail}");
    }
    let grant = format!("{}:grant", shop.own_cluster());
    let long = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "duration": "3h" });
    let detail = shop.owner.post(&grant, long).await.refused(400, "VALIDATION_ERROR");
    assert!(detail.contains("`duration`") && detail.contains("at most 2h"), "{detail}");
    let atlas = format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster());
    let long = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "expirationTime": "2026-11-23T20:00:01Z" });
    let detail = shop.owner.post(&atlas, long).await.refused(400, "VALIDATION_ERROR");
    assert!(detail.contains("`expirationTime`") && detail.contains("at most 2h"), "{detail}");
    let granted = shop.owner.post(&grant, json!({ "grantType": "CLUSTER_DATABASE_LOGS" })).await.created();
    assert_eq!(granted["grant"]["remainingMs"], 2 * hour, "the longest if none is named");
}

#[tokio::test]
async fn a_duration_is_counted_on_the_servers_clock() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let grant = format!("{}:grant", shop.own_cluster());
    let body = json!({
        "grantType": "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA",
        "duration": "1h30m",
        "case": "00815",
        "reason": "disk is full",
    });
    let granted = shop.owner.post(&grant, body).await.created();
    assert_eq!(granted["grant"]["expiresAt"], "2026-11-23T19:30:00.000Z");
    assert_eq!((&granted["grant"]["case"], &granted["grant"]["reason"]), (&json!("00815"), &json!("disk is full")));
    let anchor = &granted["anchors"][0];
    assert_eq!(anchor["log"], shop.organization.as_str());
    assert!(anchor["checkpoint"].as_str().unwrap().contains("\n\n— byleave/"), "{anchor}");
    house.clock.advance(60_000);
    let shown = shop.owner.get(&shop.own_cluster()).await.ok();
    assert_eq!(shown["grant"]["remainingMs"], 89 * 60_000);
    let revoked = shop.owner.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.ok();
    assert_eq!(revoked["revoked"]["id"], granted["grant"]["id"]);
    assert_eq!(revoked["revoked"]["status"], "ended");
    assert!(revoked["anchors"][0]["index"].as_u64() > anchor["index"].as_u64());
    let again = shop.owner.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.ok();
    assert_eq!(again, json!({ "anchors": [] }), "nothing in force, nothing written");
    let grants = shop.owner.get(&format!("/api/byleave/v1/groups/{}/grants", shop.project)).await.ok();
    assert_eq!(grants["results"][0]["endReason"], "revoked");
    for bad in ["25h", "0s", "1d", "", "-1h"] {
        let body = json!({ "grantType": "CLUSTER_INFRASTRUCTURE", "duration": bad });
        let detail = shop.owner.post(&grant, body).await.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("`duration`"), "{detail}");
    }
}
