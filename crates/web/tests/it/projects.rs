//! Projects: made by owners, used by the inventory, found by name, listed with their clusters.

use serde_json::json;

use crate::house::{House, cluster, text};

const GROUPS: &str = "/api/atlas/v2/groups";

#[tokio::test]
async fn a_project_that_an_owner_made_is_the_one_that_the_inventory_means() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let body = json!({ "name": "Staging & Test", "orgId": shop.organization });
    let answer = key.post(GROUPS, body.clone()).await;
    assert_eq!(answer.header("content-type"), "application/vnd.atlas.2023-01-01+json;charset=utf-8");
    let made = answer.created();
    assert_eq!((&made["name"], &made["orgId"]), (&json!("Staging & Test"), &json!(shop.organization)));
    assert_eq!((&made["clusterCount"], &made["created"]), (&json!(0), &json!("2026-11-23T18:00:00Z")));
    assert_eq!(key.get(&format!("{GROUPS}/{}", text(&made["id"]))).await.ok(), made);
    assert_eq!(key.get(&format!("{GROUPS}/byName/Staging%20%26%20Test")).await.ok(), made);
    let detail = key.post(GROUPS, body).await.refused(409, "GROUP_ALREADY_EXISTS");
    assert_eq!(detail, "the organization has a project of this name");
    // Clients send back what they read, and what their types require.
    let again = json!({
        "name": "Third", "orgId": shop.organization, "clusterCount": 0, "created": "0001-01-01T00:00:00Z", "links": [],
        "regionUsageRestrictions": "COMMERCIAL_FEDRAMP_REGIONS_ONLY", "tags": [], "withDefaultAlertsSettings": true,
    });
    let third = key.post(&format!("{GROUPS}?envelope=true&pretty=true"), again).await.created();
    assert_eq!((&third["status"], &third["content"]["name"]), (&json!(201), &json!("Third")));

    let inventory = house.administrator().get("/api/byleave/v1/inventory").await.ok();
    let known = json!({ "organization": shop.organization, "name": "Staging & Test" });
    assert!(inventory["projects"].as_array().unwrap().contains(&known), "the vendor sees where clusters can go");
    let mut wanted = cluster(&shop.organization, "staging");
    wanted["project"] = json!("Staging & Test");
    let inventory = json!({ "clusters": [cluster(&shop.organization, "shop"), wanted] });
    let plan = house.administrator().post("/api/byleave/v1/inventory:apply", inventory).await.ok();
    let changes: Vec<String> = plan["changes"].as_array().unwrap().iter().map(|c| text(&c["event"])).collect();
    assert!(!changes.contains(&"project.added".to_owned()), "{plan}");
    assert_eq!(key.get(&format!("{GROUPS}/{}", text(&made["id"]))).await.ok()["clusterCount"], 1);
    let feed = key.get(&format!("{GROUPS}/{}/events?eventType=GROUP_CREATED", text(&made["id"]))).await.ok();
    assert_eq!((&feed["totalCount"], &feed["results"][0]["publicKey"]), (&json!(1), &json!(key.keys().0)));
    assert_eq!(feed["results"][0]["isGlobalAdmin"], false);

    let all = key.get("/api/atlas/v2/clusters").await.ok();
    let names: Vec<_> = all["results"].as_array().unwrap().iter().map(|group| text(&group["groupName"])).collect();
    assert_eq!(names, ["Production", "Staging & Test", "Third"]);
    let first = &all["results"][0];
    assert_eq!((&first["groupId"], &first["orgId"]), (&json!(shop.project), &json!(shop.organization)));
    assert_eq!(first["orgName"], "Shop shop");
    let found = json!([{ "clusterId": shop.cluster_id, "name": "Cluster0", "nodeCount": 1, "type": "REPLICA_SET" }]);
    assert_eq!(first["clusters"], found);
    assert_eq!((&all["totalCount"], &all["results"][2]["clusters"]), (&json!(3), &json!([])));
    let page = key.get("/api/atlas/v2/clusters?itemsPerPage=1&pageNum=2&includeCount=false").await.ok();
    assert_eq!((&page["results"], page.get("totalCount")), (&json!([all["results"][1]]), None));
}

#[tokio::test]
async fn only_owners_make_projects_and_nobody_sees_those_of_others() {
    let house = House::open().await;
    let (shop, other) = (house.customer("shop").await, house.customer("other").await);
    let body = json!({ "name": "New", "orgId": shop.organization });
    house.nobody().post(GROUPS, body.clone()).await.refused(401, "UNEXPECTED_ERROR");
    house.administrator().post(GROUPS, json!({})).await.refused(403, "USER_UNAUTHORIZED");
    let project = json!({ "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": ["GROUP_OWNER"] }] });
    for roles in [json!({ "orgRoles": ["ORG_READ_ONLY"] }), json!({ "orgRoles": ["ORG_MEMBER"] }), project.clone()] {
        house.key(&shop, roles).await.post(GROUPS, json!({})).await.refused(403, "USER_UNAUTHORIZED");
    }
    let detail = other.owner.post(GROUPS, body.clone()).await.refused(404, "ORG_NOT_FOUND");
    assert_eq!(detail, format!("No organization with ID {} exists.", shop.organization));
    let made = shop.owner.post(GROUPS, body).await.created();
    let reader = house.key(&shop, project).await;
    reader.get(&format!("{GROUPS}/{}", text(&made["id"]))).await.refused(404, "GROUP_NOT_FOUND");
    let detail = reader.get(&format!("{GROUPS}/byName/New")).await.refused(404, "GROUP_NOT_FOUND");
    assert_eq!(detail, "No group named New exists.");
    other.owner.get(&format!("{GROUPS}/byName/New")).await.refused(404, "GROUP_NOT_FOUND");
    reader.get(&format!("{GROUPS}/byName/Production")).await.ok();
    let all = reader.get("/api/atlas/v2/clusters").await.ok();
    assert_eq!((&all["totalCount"], &all["results"][0]["groupId"]), (&json!(1), &json!(shop.project)));
    for client in [house.administrator()] {
        client.get("/api/atlas/v2/clusters").await.refused(403, "USER_UNAUTHORIZED");
        client.get(&format!("{GROUPS}/byName/New")).await.refused(403, "USER_UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_project_owner_can_be_named_at_once() {
    let house = House::open().await;
    let (shop, other) = (house.customer("shop").await, house.customer("other").await);
    let sam = house.person(&shop, "sam@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let stranger = text(&other.owner.get("/api/byleave/v1/session").await.ok()["id"]);
    let me = text(&sam.get("/api/byleave/v1/session").await.ok()["id"]);
    let body = json!({ "name": "Sam's", "orgId": shop.organization });
    for (owner, status, code) in [
        (stranger.as_str(), 404, "RESOURCE_NOT_FOUND"),
        ("x", 400, "INVALID_QUERY_PARAMETER"),
        ("", 400, "INVALID_QUERY_PARAMETER"),
    ] {
        shop.owner.post(&format!("{GROUPS}?projectOwnerId={owner}"), body.clone()).await.refused(status, code);
    }
    assert_eq!(shop.owner.get(GROUPS).await.ok()["totalCount"], 1, "what was refused made nothing");
    let made = shop.owner.post(&format!("{GROUPS}?projectOwnerId={me}"), body).await.created();
    let seen = sam.get(GROUPS).await.ok();
    assert_eq!(seen["results"], json!([made]));
    let roles = sam.get("/api/byleave/v1/session").await.ok()["roles"]["groupRoleAssignments"].clone();
    assert_eq!(roles, json!([{ "groupId": made["id"], "groupRoles": ["GROUP_OWNER"] }]));
    house.clock.advance(301_000);
    let path = format!("{GROUPS}?projectOwnerId={me}");
    let body = json!({ "name": "More", "orgId": shop.organization });
    shop.owner.post(&path, body.clone()).await.refused(403, "SIGN_IN_AGAIN");
    shop.owner.post(GROUPS, body).await.created();
}

#[tokio::test]
async fn the_status_names_the_key_that_asks() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let roles = json!({
        "orgRoles": ["ORG_MEMBER"],
        "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": ["GROUP_READ_ONLY"] }],
    });
    let key = house.key(&shop, roles).await;
    let answer = key.get("/api/atlas/v2").await;
    assert_eq!(answer.header("content-type"), "application/vnd.atlas.2023-01-01+json;charset=utf-8");
    let status = answer.ok();
    assert_eq!(status["apiKey"]["publicKey"], key.keys().0);
    let roles = json!([
        { "orgId": shop.organization, "roleName": "ORG_MEMBER" },
        { "groupId": shop.project, "roleName": "GROUP_READ_ONLY" },
    ]);
    assert_eq!(status["apiKey"]["roles"], roles);
    assert_eq!((&status["appName"], &status["build"]), (&json!("MongoDB Atlas"), &json!("0.0.0")));
    assert_eq!(status["throttling"], false);
    assert_eq!(shop.owner.get("/api/atlas/v2").await.ok()["apiKey"], json!(null));
    house.nobody().get("/api/atlas/v2").await.refused(401, "UNEXPECTED_ERROR");
}
