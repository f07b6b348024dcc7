//! The history of access: sessions and refused tries of support, by cluster and by host.

use byleave_core::time::Clock as _;
use byleave_store::session::{OpenError, OpenSession, Shape};
use serde_json::{Value, json};

use crate::house::{Customer, House, public_key};

async fn refused(house: &House, customer: &Customer, name: &str, number: u8) {
    let (employee, key) = house.employee(name, &public_key(name)).await;
    let session = byleave_core::id::SessionId::from_bytes([number; 12]);
    let host = customer.host.parse().unwrap();
    let open = OpenSession { session, employee, key, host, shape: Shape::Node, from: "192.0.2.9:5".into() };
    match house.store.open_session(&house.clock.read(), open.clone()).await {
        Err(OpenError::Denied { denial, .. }) => {
            house.store.open_denied(&house.clock.read(), open, denial).await.unwrap();
        }
        other => panic!("should be denied: {other:?}"),
    }
}

fn logs(answer: &Value) -> &Vec<Value> {
    answer["accessLogs"].as_array().unwrap()
}

#[tokio::test]
async fn sessions_and_refused_tries_are_told_under_a_pseudonym() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let base = format!("/api/atlas/v2/groups/{}/dbAccessHistory", shop.project);
    let of_cluster = format!("{base}/clusters/Cluster0");
    let answer = shop.owner.get(&of_cluster).await;
    assert_eq!(answer.header("content-type"), "application/vnd.atlas.2023-01-01+json;charset=utf-8");
    assert_eq!(answer.ok(), json!({ "accessLogs": [] }));
    house.session(&shop).await;
    house.clock.advance(60_000);
    let settings = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": true })).await.ok();
    refused(&house, &shop, "Robin", 1).await;

    let all = shop.owner.get(&of_cluster).await.ok();
    let why = "the organization blocks support access, and no grant is in force for this cluster";
    let [denied, opened] = &logs(&all)[..] else { panic!("{all}") };
    assert_eq!((&denied["authResult"], &denied["failureReason"]), (&json!(false), &json!(why)));
    assert_eq!((&opened["authResult"], opened.get("failureReason")), (&json!(true), None));
    for entry in [denied, opened] {
        assert!(entry["username"].as_str().unwrap().starts_with("acme-employee-"), "{entry}");
        assert_eq!((&entry["hostname"], &entry["groupId"]), (&json!(shop.host), &json!(shop.project)));
        assert_eq!(entry.get("ipAddress"), None, "an address could tell who they are");
    }
    let times = (&opened["timestamp"], &denied["timestamp"]);
    assert_eq!(times, (&json!("2026-11-23T18:00:00Z"), &json!("2026-11-23T18:01:00Z")));
    for word in ["Kim", "Robin", "192.0.2.9", "127.0.0.1"] {
        assert!(!all.to_string().contains(word), "{word}");
    }
    let of_host = format!("{base}/processes/{}", shop.host);
    assert_eq!(shop.owner.get(&of_host).await.ok(), all);
    let of_logs = shop.owner.get(&format!("{base}/processes/cluster0.shop.example")).await.ok();
    assert_eq!(logs(&of_logs).len(), 0, "nobody asked for the logs of the cluster");

    let start = "2026-11-23T18:00:00Z".parse::<byleave_core::time::Timestamp>().unwrap().millis();
    let count = async |query: String| logs(&shop.owner.get(&format!("{of_cluster}?{query}")).await.ok()).len();
    assert_eq!(count("authResult=true".into()).await, 1);
    assert_eq!(count("authResult=false".into()).await, 1);
    assert_eq!(count("nLogs=1".into()).await, 1);
    assert_eq!(count("nLogs=0".into()).await, 0);
    assert_eq!(count(format!("start={}", start + 1)).await, 1);
    assert_eq!(count(format!("end={start}")).await, 1, "the bounds are part of it");
    assert_eq!(count(format!("start={start}&end={}", start + 60_000)).await, 2);
    assert_eq!(count("ipAddress=127.0.0.1".into()).await, 0, "nobody can try addresses");
    assert_eq!(count("ipAddress=2001:db8::1".into()).await, 0);
    let wrapped = shop.owner.get(&format!("{of_cluster}?envelope=true")).await.ok();
    assert_eq!(wrapped, json!({ "status": 200, "content": all }));
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_by_name() {
    let house = House::open().await;
    let (shop, other) = (house.customer("shop").await, house.customer("other").await);
    let base = format!("/api/atlas/v2/groups/{}/dbAccessHistory", shop.project);
    for path in [format!("{base}/clusters/Cluster0"), format!("{base}/processes/{}", shop.host)] {
        for (query, named) in [
            ("nLogs=20001", "nLogs"),
            ("nLogs=-1", "nLogs"),
            ("nLogs=", "nLogs"),
            ("start=yesterday", "start"),
            ("start=-1", "start"),
            ("start=1.5", "start"),
            ("end=999999999999999999", "end"),
            ("end=99999999999999999999", "end"),
            ("start=2&end=1", "start"),
            ("authResult=1", "authResult"),
            ("ipAddress=localhost", "ipAddress"),
            ("ipAddress=10.0.0.0/8", "ipAddress"),
            ("start=1&start=2", "start"),
        ] {
            let detail = shop.owner.get(&format!("{path}?{query}")).await.refused(400, "INVALID_QUERY_PARAMETER");
            assert!(detail.contains(&format!("`{named}`")), "{query}: {detail}");
        }
        other.owner.get(&format!("{path}?nLogs=x")).await.refused(404, "GROUP_NOT_FOUND");
        house.administrator().get(&path).await.refused(403, "USER_UNAUTHORIZED");
    }
    shop.owner.get(&format!("{base}/clusters/Cluster9")).await.refused(404, "CLUSTER_NOT_FOUND");
    shop.owner.get(&format!("{base}/clusters/Cluster%209")).await.refused(400, "INVALID_ATTRIBUTE");
    for host in [other.host.as_str(), "node-9.shop.example"] {
        shop.owner.get(&format!("{base}/processes/{host}")).await.refused(404, "RESOURCE_NOT_FOUND");
    }
    for host in ["Node-1.shop.example", "node-1.shop.example:27017", "a%2fb", "..", "%00"] {
        let status = shop.owner.get(&format!("{base}/processes/{host}")).await.status.as_u16();
        assert!(matches!(status, 400 | 404), "{host}: {status}");
    }
}
