//! Each operation of Atlas that Byleave has, as Atlas's clients use it.

use reqwest::Method;
use serde_json::json;

use crate::client::Call;
use crate::house::{House, text};

const FIRST: &str = "application/vnd.atlas.2023-01-01+json;charset=utf-8";
const CLUSTERS: &str = "application/vnd.atlas.2024-08-05+json;charset=utf-8";

#[tokio::test]
async fn organizations_projects_and_clusters_are_listed_and_shown() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    house.customer("other").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;

    let answer = key.get("/api/atlas/v2/orgs").await;
    assert_eq!(answer.header("content-type"), FIRST);
    let list = answer.ok();
    assert_eq!(list["totalCount"], 1, "only one's own: {list}");
    assert_eq!(list["results"][0]["name"], "Shop shop");
    assert_eq!(list["results"][0]["id"], shop.organization.as_str());
    assert_eq!(key.get("/api/atlas/v2/orgs?name=Shop+other").await.ok()["results"], json!([]));
    let organization = key.get(&format!("/api/atlas/v2/orgs/{}", shop.organization)).await.ok();
    assert_eq!(organization, list["results"][0]);

    let groups = key.get("/api/atlas/v2/groups").await.ok();
    let of_organization = key.get(&format!("/api/atlas/v2/orgs/{}/groups", shop.organization)).await.ok();
    assert_eq!(groups["results"], of_organization["results"]);
    let group = key.get(&format!("/api/atlas/v2/groups/{}", shop.project)).await.ok();
    assert_eq!(group, groups["results"][0]);
    assert_eq!((&group["clusterCount"], &group["name"]), (&json!(1), &json!("Production")));
    assert_eq!((&group["created"], &group["orgId"]), (&json!("2026-11-23T18:00:00Z"), &json!(shop.organization)));

    let answer = key.get(&format!("/api/atlas/v2/groups/{}/clusters", shop.project)).await;
    assert_eq!(answer.header("content-type"), CLUSTERS);
    let clusters = answer.ok();
    let cluster = key.get(&shop.atlas_cluster()).await.ok();
    assert_eq!(clusters["results"], json!([cluster]));
    assert_eq!((&cluster["name"], &cluster["groupId"]), (&json!("Cluster0"), &json!(shop.project)));
    assert_eq!(cluster.get("mongoDBEmployeeAccessGrant"), None);
}

#[tokio::test]
async fn a_grant_shows_in_the_cluster_until_it_is_revoked() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let (cluster, list) = (shop.atlas_cluster(), format!("/api/atlas/v2/groups/{}/clusters", shop.project));
    let grant = json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "CLUSTER_INFRASTRUCTURE" });

    let answer = key.post(&format!("{cluster}:grantMongoDBEmployeeAccess"), grant.clone()).await;
    assert_eq!(answer.header("content-type"), CLUSTERS, "also on 204");
    answer.done();
    assert_eq!(key.get(&cluster).await.ok()["mongoDBEmployeeAccessGrant"], grant);
    assert_eq!(key.get(&list).await.ok()["results"][0]["mongoDBEmployeeAccessGrant"], grant);

    let narrower = json!({ "expirationTime": "2026-11-23T19:00:00Z", "grantType": "CLUSTER_DATABASE_LOGS" });
    key.post(&format!("{cluster}:grantMongoDBEmployeeAccess"), narrower.clone()).await.done();
    assert_eq!(key.get(&cluster).await.ok()["mongoDBEmployeeAccessGrant"], narrower, "replaced");

    key.post_nothing(&format!("{cluster}:revokeMongoDBEmployeeAccess")).await.done();
    assert_eq!(key.get(&cluster).await.ok().get("mongoDBEmployeeAccessGrant"), None);
    key.post_nothing(&format!("{cluster}:revokeMongoDBEmployeeAccess")).await.done();

    key.post(&format!("{cluster}:grantMongoDBEmployeeAccess"), grant).await.done();
    house.clock.advance(12 * 3_600_000);
    assert_eq!(key.get(&cluster).await.ok().get("mongoDBEmployeeAccessGrant"), None, "expired by itself");
}

#[tokio::test]
async fn only_what_is_enforced_can_be_set() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let path = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    let before = key.get(&path).await.ok();
    assert_eq!(before["restrictEmployeeAccess"], false);

    let after = key.patch(&path, json!({ "restrictEmployeeAccess": true })).await.ok();
    assert_eq!(after["restrictEmployeeAccess"], true);
    assert_eq!(key.get(&path).await.ok(), after);
    assert_eq!(key.patch(&path, json!({})).await.ok(), after, "nothing named, nothing changed");

    key.patch(&path, after.clone()).await.ok();
    let said = json!({ "customSessionTimeouts": null, "apiAccessListRequired": false, "securityContact": "" });
    assert_eq!(key.patch(&path, said).await.ok(), after, "what is so anyway may be said");
    for (field, value) in [
        ("apiAccessListRequired", json!(true)),
        ("multiFactorAuthRequired", json!(true)),
        ("genAIFeaturesEnabled", json!(true)),
        ("streamsCrossGroupEnabled", json!(true)),
        ("customSessionTimeouts", json!({ "absoluteSessionTimeoutInSeconds": 3600 })),
        ("customSessionTimeouts", json!({ "idleSessionTimeoutInSeconds": 3600 })),
    ] {
        let answer = key.patch(&path, json!({ field: value, "restrictEmployeeAccess": false })).await;
        let detail = answer.refused(400, "SETTING_NOT_ENFORCED");
        assert!(detail.contains(&format!("`{field}`")), "{detail}");
    }
    key.patch(&path, json!({ "restrictEmployeeAccess": null })).await.refused(400, "INVALID_ATTRIBUTE");
    key.patch(&path, json!({ "restrictEmployeeAccess": "false" })).await.refused(400, "INVALID_ATTRIBUTE");
    key.patch(&path, json!({ "restrictEmployeeAcces": false })).await.refused(400, "INVALID_ATTRIBUTE");
    assert_eq!(key.get(&path).await.ok(), after, "what was refused changed nothing");

    let open = key.patch(&path, json!({ "restrictEmployeeAccess": false })).await.ok();
    assert_eq!(open, before);
}

#[tokio::test]
async fn contacts_and_the_life_of_secrets_are_kept_and_told() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let path = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    let before = key.get(&path).await.ok();
    assert_eq!(
        before,
        json!({
            "apiAccessListRequired": false, "genAIFeaturesEnabled": false, "multiFactorAuthRequired": false,
            "maxServiceAccountSecretValidityInHours": 8760, "operationsContact": null, "restrictEmployeeAccess": false,
            "securityContact": "", "streamsCrossGroupEnabled": false,
        })
    );
    let set = json!({
        "maxServiceAccountSecretValidityInHours": 24, "operationsContact": "Ops@shop.example",
        "securityContact": "security@shop.example", "restrictEmployeeAccess": true,
    });
    let after = key.patch(&path, set.clone()).await.ok();
    for (field, value) in set.as_object().unwrap() {
        assert_eq!(after[field], *value, "{after}");
    }
    assert_eq!(key.patch(&path, after.clone()).await.ok(), after);
    for (field, value, code) in [
        ("maxServiceAccountSecretValidityInHours", json!(7), "VALIDATION_ERROR"),
        ("maxServiceAccountSecretValidityInHours", json!(8761), "VALIDATION_ERROR"),
        ("maxServiceAccountSecretValidityInHours", json!(24.5), "INVALID_ATTRIBUTE"),
        ("maxServiceAccountSecretValidityInHours", json!("24"), "INVALID_ATTRIBUTE"),
        ("maxServiceAccountSecretValidityInHours", json!(null), "INVALID_ATTRIBUTE"),
        ("securityContact", json!(null), "INVALID_ATTRIBUTE"),
        ("securityContact", json!("nobody"), "VALIDATION_ERROR"),
        ("securityContact", json!(format!("{}@shop.example", "x".repeat(255))), "VALIDATION_ERROR"),
        ("operationsContact", json!(""), "VALIDATION_ERROR"),
        ("operationsContact", json!("ä@shop.example"), "VALIDATION_ERROR"),
        ("operationsContact", json!(["a@b.c"]), "INVALID_ATTRIBUTE"),
        ("customSessionTimeouts", json!("never"), "INVALID_ATTRIBUTE"),
    ] {
        let detail =
            key.patch(&path, json!({ field: value, "restrictEmployeeAccess": false })).await.refused(400, code);
        assert!(detail.contains(&format!("`{field}`")) && !detail.contains("i64"), "{detail}");
    }
    assert_eq!(key.get(&path).await.ok(), after);
    let cleared = json!({ "operationsContact": null, "securityContact": "", "restrictEmployeeAccess": false });
    let cleared = key.patch(&path, cleared).await.ok();
    assert_eq!((&cleared["operationsContact"], &cleared["securityContact"]), (&json!(null), &json!("")));
    let feed = key.get(&format!("/api/atlas/v2/orgs/{}/events", shop.organization)).await.ok();
    let told: Vec<String> = feed["results"].as_array().unwrap().iter().map(|e| text(&e["eventTypeName"])).collect();
    let expected = [
        "SECURITY_CONTACT_MODIFIED",
        "ORG_EMPLOYEE_ACCESS_UNRESTRICTED",
        "SECURITY_CONTACT_MODIFIED",
        "ORG_SERVICE_ACCOUNT_MAX_SECRET_VALIDITY_EDITED",
        "ORG_EMPLOYEE_ACCESS_RESTRICTED",
    ];
    assert_eq!(told[..5], expected, "the other contact has no type in Atlas");
    let member = house.key(&shop, json!({ "orgRoles": ["ORG_READ_ONLY"] })).await;
    assert_eq!(member.get(&path).await.ok()["maxServiceAccountSecretValidityInHours"], 24);
    member.patch(&path, json!({ "securityContact": 1 })).await.refused(403, "USER_UNAUTHORIZED");
    house.clock.advance(301_000);
    shop.owner.patch(&path, json!({ "securityContact": "a@b.c" })).await.refused(403, "SIGN_IN_AGAIN");
    shop.owner.patch(&path, json!({ "restrictEmployeeAccess": true })).await.ok();
}

#[tokio::test]
async fn envelopes_indentation_and_pages_come_when_asked_for() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let one = format!("/api/atlas/v2/orgs/{}", shop.organization);
    let plain = key.get(&one).await;
    assert!(!plain.text.contains('\n'));
    let pretty = key.get(&format!("{one}?pretty=true")).await;
    assert!(pretty.text.contains("\n  \""), "{}", pretty.text);
    assert_eq!(pretty.json(), plain.json());
    let wrapped = key.get(&format!("{one}?envelope=true")).await.ok();
    assert_eq!(wrapped, json!({ "status": 200, "content": plain.json() }));
    let list = key.get("/api/atlas/v2/orgs?envelope=true").await.ok();
    assert_eq!((&list["status"], &list["totalCount"]), (&json!(200), &json!(1)));
    key.get(&format!("{one}?envelope=yes")).await.refused(400, "INVALID_QUERY_PARAMETER");

    let feed = format!("/api/atlas/v2/groups/{}/events", shop.project);
    let all = key.get(&feed).await.ok();
    let total = all["totalCount"].as_u64().unwrap();
    assert!(total >= 2, "{all}");
    let me = |query: &str| key.url(&format!("{feed}?{query}"));
    assert_eq!(all["links"], json!([{ "href": me("includeCount=true&pageNum=1&itemsPerPage=100"), "rel": "self" }]));
    let first = key.get(&format!("{feed}?itemsPerPage=1")).await.ok();
    assert_eq!(first["links"][1], json!({ "href": me("includeCount=true&pageNum=2&itemsPerPage=1"), "rel": "next" }));
    let next = text(&first["links"][1]["href"]).replace(&key.url(""), "");
    let second = key.get(&next).await.ok();
    assert_eq!(second["results"][0], all["results"][1]);
    let previous = second["links"].as_array().unwrap().iter().find(|link| link["rel"] == "previous").unwrap();
    assert_eq!(previous["href"], me("includeCount=true&pageNum=1&itemsPerPage=1"));
    let uncounted = key.get(&format!("{feed}?includeCount=false&itemsPerPage=1&eventType=CLUSTER_CREATED")).await.ok();
    assert_eq!(uncounted.get("totalCount"), None);
    let link = text(&uncounted["links"][0]["href"]);
    assert!(link.ends_with("?includeCount=false&pageNum=1&itemsPerPage=1&eventType=CLUSTER_CREATED"), "{link}");
    assert_eq!(key.get(&format!("{feed}?pageNum=4294967295&itemsPerPage=500")).await.ok()["results"], json!([]));
    for bad in ["pageNum=0", "pageNum=x", "pageNum=-1", "itemsPerPage=0", "itemsPerPage=501", "pageNum=1&pageNum=2"] {
        key.get(&format!("{feed}?{bad}")).await.refused(400, "INVALID_QUERY_PARAMETER");
    }
}

#[tokio::test]
async fn what_one_may_not_know_of_is_not_there() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let other = house.customer("other").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let nowhere = "0123456789abcdef01234567";
    for organization in [other.organization.as_str(), nowhere] {
        let detail = key.get(&format!("/api/atlas/v2/orgs/{organization}")).await.refused(404, "ORG_NOT_FOUND");
        assert_eq!(detail, format!("No organization with ID {organization} exists."));
        key.get(&format!("/api/atlas/v2/orgs/{organization}/settings")).await.refused(404, "ORG_NOT_FOUND");
        key.get(&format!("/api/atlas/v2/orgs/{organization}/events")).await.refused(404, "ORG_NOT_FOUND");
        let settings = format!("/api/atlas/v2/orgs/{organization}/settings");
        key.patch(&settings, json!({ "restrictEmployeeAccess": 1 })).await.refused(404, "ORG_NOT_FOUND");
    }
    for project in [other.project.as_str(), nowhere] {
        let answer = key.get(&format!("/api/atlas/v2/groups/{project}")).await;
        assert_eq!(answer.json()["parameters"], json!([project]));
        assert_eq!(answer.refused(404, "GROUP_NOT_FOUND"), format!("No group with ID {project} exists."));
        key.get(&format!("/api/atlas/v2/groups/{project}/clusters")).await.refused(404, "GROUP_NOT_FOUND");
        key.get(&format!("/api/atlas/v2/groups/{project}/events")).await.refused(404, "GROUP_NOT_FOUND");
        let cluster = format!("/api/atlas/v2/groups/{project}/clusters/Cluster0");
        key.get(&cluster).await.refused(404, "GROUP_NOT_FOUND");
        let grant = format!("{cluster}:grantMongoDBEmployeeAccess");
        key.send(Call::new(Method::POST, &grant).body("{")).await.refused(404, "GROUP_NOT_FOUND");
        key.post_nothing(&format!("{cluster}:revokeMongoDBEmployeeAccess")).await.refused(404, "GROUP_NOT_FOUND");
    }
    let answer = key.get(&format!("/api/atlas/v2/groups/{}/clusters/Cluster9", shop.project)).await;
    assert_eq!(answer.json()["parameters"], json!(["Cluster9", shop.project]));
    let detail = answer.refused(404, "CLUSTER_NOT_FOUND");
    assert_eq!(detail, format!("No cluster named Cluster9 exists in group {}.", shop.project));
    key.get("/api/atlas/v2/nothing").await.refused(404, "RESOURCE_NOT_FOUND");
    key.get("/api/other").await.refused(404, "RESOURCE_NOT_FOUND");
    key.post_nothing("/api/atlas/v2/orgs").await.refused(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_filter_by_name_asks_for_the_beginning_in_whatever_case() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let groups = format!("/api/atlas/v2/orgs/{}/groups", shop.organization);
    key.post("/api/atlas/v2/groups", json!({ "name": "Ärger (test)", "orgId": shop.organization })).await.created();
    for (path, name, expected) in [
        ("/api/atlas/v2/orgs", "Shop%20shop", 1),
        ("/api/atlas/v2/orgs", "sHOP", 1),
        ("/api/atlas/v2/orgs", "hop", 0),
        ("/api/atlas/v2/orgs", "Shop%20shopx", 0),
        (&groups, "Production", 1),
        (&groups, "pROD", 1),
        (&groups, "%C3%84RGER", 1),
        (&groups, "%C3%A4rger%20(T", 1),
        (&groups, "%25", 0),
        (&groups, "roduction", 0),
        (&groups, "", 2),
    ] {
        let list = key.get(&format!("{path}?name={name}")).await.ok();
        assert_eq!(list["totalCount"], expected, "{path} {name}: {list}");
    }
}
