//! Versions, media types, and the order in which a request is refused.

use reqwest::Method;
use serde_json::json;

use crate::client::Call;
use crate::house::House;

#[tokio::test]
async fn a_date_chooses_the_version_and_no_date_is_406() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let cluster = shop.atlas_cluster();
    let get = |path: &str, accept: &str| Call::new(Method::GET, path).header("accept", accept);
    for (accept, version) in [
        ("application/vnd.atlas.2023-01-01+json", "2023-01-01"),
        ("application/vnd.atlas.2023-11-15+json", "2023-02-01"),
        ("application/vnd.atlas.2024-08-05+json", "2024-08-05"),
        ("application/vnd.atlas.2025-03-12+json", "2024-08-05"),
        ("application/vnd.atlas.2099-12-31+json", "2024-08-05"),
    ] {
        let answer = key.send(get(&cluster, accept)).await;
        let wanted = format!("application/vnd.atlas.{version}+json;charset=utf-8");
        assert_eq!(answer.header("content-type"), wanted, "{accept}");
        answer.ok();
    }
    for accept in [
        "application/json",
        "*/*",
        "",
        "application/vnd.atlas.2022-12-31+json",
        "application/vnd.atlas.2025-02-30+json",
    ] {
        key.send(get(&cluster, accept)).await.refused(406, "INVALID_VERSION_DATE");
        let detail = key.send(get("/api/atlas/v2/orgs", accept)).await.refused(406, "INVALID_VERSION_DATE");
        assert_eq!(detail, "Invalid accept header or version date.");
    }
    let revoke = Call::new(Method::POST, &format!("{cluster}:revokeMongoDBEmployeeAccess"))
        .header("accept", "application/vnd.atlas.2024-08-04+json");
    key.send(revoke).await.refused(406, "INVALID_VERSION_DATE");
    let own = shop.own_cluster();
    let answer = key.send(get(&own, "*/*")).await;
    assert_eq!(answer.header("content-type"), "application/json;charset=utf-8", "Byleave's own paths have no versions");
    answer.ok();
}

#[tokio::test]
async fn every_operation_of_atlas_wants_a_version_before_it_looks_at_the_path() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    for (method, path) in byleave_web::api::atlas::OPERATIONS {
        let path = path.replace(['{', '}'], "~");
        for accept in ["application/json", "*/*", "application/vnd.atlas.2022-12-31+json"] {
            let call = || Call::new(method.parse().unwrap(), &path).header("accept", accept);
            house.nobody().send(call()).await.refused(401, "UNEXPECTED_ERROR");
            shop.owner.send(call()).await.refused(406, "INVALID_VERSION_DATE");
        }
    }
}

#[tokio::test]
async fn a_body_is_json_in_either_media_type() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let path = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    let patch = |kind: &str| Call::new(Method::PATCH, &path).body("{}").header("content-type", kind);
    for kind in ["application/json", "application/json; charset=utf-8", "application/vnd.atlas.2023-01-01+json"] {
        key.send(patch(kind)).await.ok();
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/vnd.atlas.x+json"] {
        key.send(patch(kind)).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn a_request_is_refused_in_the_order_of_the_design() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let other = house.customer("other").await;
    let reader = house
        .key(
            &shop,
            json!({ "groupRoleAssignments": [
        { "groupId": shop.project, "groupRoles": ["GROUP_READ_ONLY"] }
    ] }),
        )
        .await;
    let stranger = house.key(&other, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let owner = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;

    let worst = "/api/atlas/v2/groups/XYZ/clusters/Cluster0:grantMongoDBEmployeeAccess";
    let good = format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster());
    let call = |path: &str| Call::new(Method::POST, path).body("{");
    let bad_accept = |call: Call| call.header("accept", "*/*");
    let bad_type = |call: Call| call.header("content-type", "text/plain");

    house.nobody().send(bad_type(bad_accept(call(worst)))).await.refused(401, "UNEXPECTED_ERROR");
    stranger.send(bad_type(bad_accept(call(worst)))).await.refused(406, "INVALID_VERSION_DATE");
    stranger.send(bad_type(call(worst))).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    stranger.send(call(worst)).await.refused(400, "INVALID_GROUP_ID");
    stranger.send(call(&good)).await.refused(404, "GROUP_NOT_FOUND");
    reader.send(call(&good)).await.refused(403, "USER_UNAUTHORIZED");
    owner.send(call(&good)).await.refused(400, "INVALID_JSON");
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    let patch = |body: &str| Call::new(Method::PATCH, &settings).body(body);
    reader.send(patch("{")).await.refused(403, "USER_UNAUTHORIZED");
    owner.send(patch("{")).await.refused(400, "INVALID_JSON");
    for id in ["XYZ", "0123456789ABCDEF01234567", "0123456789abcdef0123456", "0123456789abcdef012345678"] {
        owner.get(&format!("/api/atlas/v2/orgs/{id}")).await.refused(400, "INVALID_ORG_ID");
        owner.get(&format!("/api/atlas/v2/groups/{id}")).await.refused(400, "INVALID_GROUP_ID");
    }
}
