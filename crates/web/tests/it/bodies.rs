//! Bodies that nobody should send: refused by name, and nothing changes.

use reqwest::Method;
use serde_json::json;

use crate::client::Call;
use crate::house::House;

#[tokio::test]
async fn what_is_malformed_is_refused_and_changes_nothing() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let path = format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster());
    let feed = format!("/api/byleave/v1/organizations/{}/events", shop.organization);
    let before = key.get(&feed).await.ok();
    let time = r#""expirationTime":"2026-11-24T06:00:00Z""#;
    let kind = r#""grantType":"CLUSTER_INFRASTRUCTURE""#;
    let deep = format!("{{{time},{kind},\"links\":{}{}}}", "[".repeat(1_000), "]".repeat(1_000));
    let cases = [
        (String::new(), "INVALID_JSON", "not JSON"),
        ("{".into(), "INVALID_JSON", "not JSON"),
        (format!("{{{time},{kind}}}}}"), "INVALID_JSON", "trailing"),
        (format!("{{{time},{kind}}}{{}}"), "INVALID_JSON", "trailing"),
        (format!("[{time},{kind}]"), "INVALID_JSON", "not JSON"),
        ("[\"2026-11-24T06:00:00Z\",\"CLUSTER_INFRASTRUCTURE\"]".into(), "INVALID_JSON", "must be an object"),
        ("\u{feff}{}".into(), "INVALID_JSON", "not JSON"),
        (deep, "INVALID_JSON", "recursion limit"),
        (format!("{{{kind}}}"), "MISSING_ATTRIBUTE", "`expirationTime` is required"),
        (format!("{{{time}}}"), "MISSING_ATTRIBUTE", "`grantType` is required"),
        (format!("{{{time},{kind},\"reason\":\"x\"}}"), "INVALID_ATTRIBUTE", "`reason` is not known here"),
        (format!("{{{time},{kind},{kind}}}"), "INVALID_ATTRIBUTE", "`grantType` is named twice"),
        (format!("{{{kind},\"expirationTime\":1790000000}}"), "INVALID_ATTRIBUTE", "`expirationTime` must be a string"),
        (format!("{{{kind},\"expirationTime\":null}}"), "INVALID_ATTRIBUTE", "`expirationTime` must be a string"),
        (
            format!("{{{time},\"grantType\":[\"CLUSTER_INFRASTRUCTURE\"]}}"),
            "INVALID_ATTRIBUTE",
            "`grantType` must be a string",
        ),
    ];
    for (body, code, named) in cases {
        let detail = key.send(Call::new(Method::POST, &path).body(body.clone())).await.refused(400, code);
        assert!(detail.contains(named), "{body}: {detail}");
    }
    let invalid_utf8 = Call::new(Method::POST, &path).body(b"{\"grantType\":\"\xff\"}".as_slice());
    key.send(invalid_utf8).await.refused(400, "INVALID_JSON");
    let cut_off = Call::new(Method::POST, &path).body("{}").header("content-length", "2");
    key.send(cut_off).await.refused(400, "MISSING_ATTRIBUTE");
    assert_eq!(key.get(&feed).await.ok(), before);
    let violation = key.send(Call::new(Method::POST, &path).body(format!("{{{kind}}}"))).await.json();
    assert_eq!(
        violation["badRequestDetail"],
        json!({ "fields": [{ "field": "expirationTime", "description": "is required" }] })
    );
}

#[tokio::test]
async fn ten_megabytes_are_too_much_and_the_sender_hears_so() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    let huge = format!("{{\"restrictEmployeeAccess\":true,\"securityContact\":\"{}\"}}", "x".repeat(10 << 20));
    let detail =
        shop.owner.send(Call::new(Method::PATCH, &path).body(huge.clone())).await.refused(413, "PAYLOAD_TOO_LARGE");
    assert!(detail.contains("1048576"), "{detail}");
    house
        .nobody()
        .post("/api/byleave/v1/session", json!({ "userName": huge, "password": "x" }))
        .await
        .refused(413, "PAYLOAD_TOO_LARGE");
    assert_eq!(shop.owner.get(&path).await.ok()["restrictEmployeeAccess"], false);
    let fits = format!("{{\"restrictEmployeeAccess\":true{}}}", " ".repeat(1_000_000));
    shop.owner.send(Call::new(Method::PATCH, &path).body(fits)).await.ok();
}
