//! Feeds: Atlas's types on Atlas's paths, everything on Byleave's.

use byleave_core::session::{Counters, SessionEnd};
use byleave_store::session::CloseSession;
use serde_json::{Value, json};

use crate::house::{House, text};

fn types(page: &Value) -> Vec<&str> {
    page["results"].as_array().unwrap().iter().map(|event| event["eventTypeName"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_feeds_hold_what_happened_newest_first() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    let cluster = shop.atlas_cluster();
    house.clock.advance(1_000);
    key.patch(&settings, json!({ "restrictEmployeeAccess": true })).await.ok();
    key.patch(&settings, json!({ "restrictEmployeeAccess": true })).await.ok();
    let grant = json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "CLUSTER_INFRASTRUCTURE" });
    key.post(&format!("{cluster}:grantMongoDBEmployeeAccess"), grant.clone()).await.done();
    key.post(&format!("{cluster}:grantMongoDBEmployeeAccess"), grant).await.done();
    shop.owner.post_nothing(&format!("{cluster}:revokeMongoDBEmployeeAccess")).await.done();
    key.post_nothing(&format!("{cluster}:revokeMongoDBEmployeeAccess")).await.done();
    shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": false })).await.ok();

    let organization = format!("/api/atlas/v2/orgs/{}/events", shop.organization);
    let feed = key.get(&organization).await.ok();
    let expected =
        ["ORG_EMPLOYEE_ACCESS_UNRESTRICTED", "ORG_EMPLOYEE_ACCESS_RESTRICTED", "API_KEY_CREATED", "ORG_CREATED"];
    assert_eq!(types(&feed), expected, "one event a change, none of a project");
    let blocked = &feed["results"][1];
    assert_eq!((&blocked["created"], &blocked["orgId"]), (&json!("2026-11-23T18:00:01Z"), &json!(shop.organization)));
    assert_eq!((&blocked["publicKey"], &blocked["isGlobalAdmin"]), (&json!(key.keys().0), &json!(false)));
    assert!(blocked["apiKeyId"].is_string() && blocked.get("userId").is_none(), "{blocked}");
    let unblocked = &feed["results"][0];
    assert_eq!(unblocked["username"], "owner@shop.example");
    let one = key.get(&format!("{organization}/{}", blocked["id"].as_str().unwrap())).await.ok();
    assert_eq!(one, *blocked);

    let project = format!("/api/atlas/v2/groups/{}/events", shop.project);
    let feed = key.get(&project).await.ok();
    let expected = [
        "EMPLOYEE_ACCESS_REVOKED",
        "EMPLOYEE_ACCESS_GRANTED",
        "EMPLOYEE_ACCESS_GRANTED",
        "CLUSTER_CREATED",
        "GROUP_CREATED",
    ];
    assert_eq!(types(&feed), expected);
    let revoked = &feed["results"][0];
    assert_eq!((&revoked["clusterName"], &revoked["groupId"]), (&json!("Cluster0"), &json!(shop.project)));
    assert_eq!(revoked["username"], "owner@shop.example");
    let id = revoked["id"].as_str().unwrap();
    assert_eq!(key.get(&format!("{project}/{id}")).await.ok(), *revoked);
    key.get(&format!("{organization}/{id}")).await.refused(404, "RESOURCE_NOT_FOUND");
    key.get(&format!("{project}/0123456789abcdef01234567")).await.refused(404, "RESOURCE_NOT_FOUND");
    let raw = key.get(&format!("{project}/{id}?includeRaw=true")).await.ok();
    assert_eq!(raw["raw"]["event"], "grant.revoked");
}

#[tokio::test]
async fn filters_choose_by_type_cluster_and_time() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let grant = format!("{}:grant", shop.own_cluster());
    for _ in 0..3 {
        house.clock.advance(60_000);
        shop.owner.post(&grant, json!({ "grantType": "CLUSTER_DATABASE_LOGS" })).await.created();
    }
    let feed = format!("/api/atlas/v2/groups/{}/events", shop.project);
    let count = async |query: &str| {
        let page = shop.owner.get(&format!("{feed}?{query}")).await.ok();
        assert_eq!(page["totalCount"], page["results"].as_array().unwrap().len(), "{query}: {page}");
        page["results"].as_array().unwrap().len()
    };
    assert_eq!(count("eventType=EMPLOYEE_ACCESS_GRANTED").await, 3);
    assert_eq!(count("eventType=EMPLOYEE_ACCESS_GRANTED&eventType=CLUSTER_CREATED").await, 4);
    assert_eq!(count("eventType=EMPLOYEE_ACCESS_GRANTED,CLUSTER_CREATED").await, 4);
    assert_eq!(count("eventType=TEAM_CREATED").await, 0, "a type that nothing here has");
    assert_eq!(count("excludedEventType=EMPLOYEE_ACCESS_GRANTED").await, 2);
    assert_eq!(count("clusterNames=Cluster0").await, 4);
    assert_eq!(count("clusterNames=Cluster9").await, 0);
    assert_eq!(count("clusterNames=Cluster9&clusterNames=Cluster0").await, 4);
    assert_eq!(count("clusterNames=Cluster9,Cluster0&excludedEventType=CLUSTER_CREATED").await, 3);
    assert_eq!(count("minDate=2026-11-23T18:02:00Z").await, 2);
    assert_eq!(count("maxDate=2026-11-23T18:02:00Z&eventType=EMPLOYEE_ACCESS_GRANTED").await, 2);
    assert_eq!(count("minDate=2026-11-23T19:02:00+01:00").await, 2);
    for (name, word) in [
        ("eventType", "drop%20table"),
        ("eventType", "grant.expired"),
        ("eventType", "GRANT_EXPIRED"),
        ("eventType", ""),
        ("eventType", "EMPLOYEE_ACCESS_GRANTED,"),
        ("excludedEventType", "SESSION_DENIED"),
        ("excludedEventType", "employee_access_granted"),
    ] {
        let detail = shop.owner.get(&format!("{feed}?{name}={word}")).await.refused(400, "INVALID_ENUM_VALUE");
        assert!(detail.starts_with("An invalid enumeration value "), "{detail}");
    }
    for bad in ["Cluster%200", "", "a,", "-a", "%3Cscript%3E"] {
        shop.owner.get(&format!("{feed}?clusterNames={bad}")).await.refused(400, "INVALID_QUERY_PARAMETER");
    }
    shop.owner.get(&format!("{feed}?includeRaw=1")).await.refused(400, "INVALID_QUERY_PARAMETER");
    shop.owner.get(&format!("{feed}?maxDate=2026-11-23")).await.refused(400, "INVALID_QUERY_PARAMETER");
    shop.owner.get(&format!("{feed}?minDate=yesterday")).await.refused(400, "INVALID_QUERY_PARAMETER");
    let paged = shop.owner.get(&format!("{feed}?clusterNames=Cluster0&itemsPerPage=2&pageNum=2")).await.ok();
    assert_eq!((&paged["totalCount"], types(&paged).len()), (&json!(4), 2));
}

#[tokio::test]
async fn events_of_a_removed_cluster_keep_its_name() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let nothing = json!({ "clusters": [], "prune": true });
    house.administrator().post("/api/byleave/v1/inventory:apply", nothing).await.ok();
    let feed = format!("/api/atlas/v2/groups/{}/events", shop.project);
    let page = shop.owner.get(&format!("{feed}?clusterNames=Cluster0&includeRaw=true")).await.ok();
    assert_eq!(types(&page), ["CLUSTER_DELETED", "CLUSTER_CREATED"]);
    let removed = &page["results"][0];
    assert_eq!((&removed["clusterName"], &removed["isGlobalAdmin"]), (&json!("Cluster0"), &json!(true)));
    assert_eq!(removed["raw"]["data"]["revision"], 2);
    let all = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    let added = all["results"].as_array().unwrap().iter().find(|event| event["event"] == "node.added").unwrap();
    let (cluster, node) = (text(&added["data"]["cluster"]), text(&added["data"]["node"]));
    let names = json!({ cluster: "Cluster0", node: shop.host, shop.project.clone(): "Production" });
    assert_eq!(added["names"], names, "{added}");
}

#[tokio::test]
async fn event_types_are_listed_for_everybody_who_signs_in() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let list = shop.owner.get("/api/atlas/v2/eventTypes?itemsPerPage=500").await.ok();
    let all = list["results"].as_array().unwrap();
    assert_eq!(list["totalCount"], all.len());
    let granted = json!({
        "alertable": false,
        "description": "A customer granted support access.",
        "eventType": "EMPLOYEE_ACCESS_GRANTED",
    });
    assert!(all.contains(&granted), "{list}");
    let words: Vec<&str> = all.iter().map(|kind| kind["eventType"].as_str().unwrap()).collect();
    let project = format!("/api/atlas/v2/groups/{}/events?eventType={}", shop.project, words.join(","));
    assert_eq!(types(&shop.owner.get(&project).await.ok()), ["CLUSTER_CREATED", "GROUP_CREATED"]);
    let page = house.administrator().get("/api/atlas/v2/eventTypes?itemsPerPage=1&pageNum=2").await.ok();
    assert_eq!(page["results"], json!([all[1]]));
}

#[tokio::test]
async fn a_session_shows_under_a_pseudonym_in_both_feeds() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let session = house.session(&shop).await;
    let feed = shop.owner.get(&format!("/api/atlas/v2/groups/{}/events", shop.project)).await.ok();
    let opened = &feed["results"][0];
    assert_eq!(opened["eventTypeName"], "HOST_X509_CERTIFICATE_CERTIFICATE_GENERATED_FOR_SUPPORT_ACCESS");
    let identifier = opened["employeeIdentifier"].as_str().unwrap();
    assert!(identifier.starts_with("acme-employee-"), "{opened}");
    assert_eq!(opened["isGlobalAdmin"], true);

    let sessions = format!("/api/byleave/v1/organizations/{}/sessions", shop.organization);
    let live = shop.owner.get(&format!("{sessions}?live=true")).await.ok();
    assert_eq!(live["results"][0]["id"], session.to_string());
    assert_eq!(
        (&live["results"][0]["employeeIdentifier"], &live["results"][0]["host"]),
        (&json!(identifier), &json!(shop.host))
    );
    let close = CloseSession {
        session,
        reason: SessionEnd::ClosedByEmployee,
        by: None,
        counters: Counters { shells: 1, ..Counters::default() },
        recording_sha256: Some([1; 32]),
        partly_recorded: false,
    };
    house.store.close_session(&byleave_core::time::Clock::read(house.clock.as_ref()), close).await.unwrap();
    assert_eq!(shop.owner.get(&format!("{sessions}?live=true")).await.ok()["results"], json!([]));
    let one = shop.owner.get(&format!("/api/byleave/v1/sessions/{session}")).await.ok();
    assert_eq!((&one["endReason"], &one["shells"]), (&json!("closed by employee"), &json!(1)));
    let recording = shop.owner.get(&format!("/api/byleave/v1/sessions/{session}/recording")).await.ok();
    assert_eq!(recording["parts"], json!([{ "name": "1.cast", "kind": "asciicast", "content": "e30K" }]));
    house.door.record(32 * 1024 * 1024 + 1);
    let recording = shop.owner.get(&format!("/api/byleave/v1/sessions/{session}/recording")).await;
    let detail = recording.refused(409, "CONFLICT");
    assert!(detail.contains("32 MiB"), "what is too long is never handed out as if it were whole: {detail}");

    let path = format!("/api/byleave/v1/organizations/{}/events", shop.organization);
    let feed = shop.owner.get(&path).await.ok();
    let names: Vec<&str> = feed["results"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["recording.read", "session.closed", "session.opened"]);
    assert_eq!(names.last(), Some(&"organization.claimed"));
    let opened = &feed["results"][2];
    assert_eq!(opened["by"], format!("employee:{identifier}"));
    assert_eq!(opened["data"]["session"], session.to_string());
    let after = shop.owner.get(&format!("{path}?after={}", opened["index"])).await.ok();
    assert_eq!(after["totalCount"], 2);
    let text = feed.to_string();
    assert!(!text.contains("Kim"), "nothing names the employee");
}
