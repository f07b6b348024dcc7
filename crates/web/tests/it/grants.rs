//! Granting by page, by our call, by Atlas's call, and by approving: all answer alike, and none replaces what was not seen.

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Call;
use crate::house::{Customer, House, cluster, text};
use crate::requests::Asker;

const SYNC: &str = "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA";
const NOT_BLOCKED: &str = "upport is not blocked in this organization: it may reach the infrastructure and logs of Two at any \
                           time, with a grant or without";

/// A customer that does not block, with a cluster `Two` that has no sync databases.
async fn scene() -> (House, Customer, String) {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let mut second = cluster(&shop.organization, "two");
    second["name"] = json!("Two");
    second["syncDatabases"] = json!([]);
    let inventory = json!({ "clusters": [second] });
    house.administrator().post("/api/byleave/v1/inventory:apply", inventory).await.ok();
    let two = format!("groups/{}/clusters/Two", shop.project);
    (house, shop, two)
}

/// The grant in force.
async fn in_force(shop: &Customer, cluster: &str) -> Value {
    shop.owner.get(cluster).await.ok()["grant"].clone()
}

#[tokio::test]
async fn every_way_to_grant_answers_alike_where_support_is_not_blocked() {
    let (house, shop, two) = scene().await;
    let (own, atlas) = (format!("/api/byleave/v1/{two}"), format!("/api/atlas/v2/{two}"));
    let form = format!("/projects/{}/clusters/Two/grant", shop.project);
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    let dialogue = browser.get(&form).await;
    assert_eq!(dialogue.status(), 200);
    let dialogue = dialogue.text().await.unwrap();
    assert!(dialogue.contains(NOT_BLOCKED) && !dialogue.contains(SYNC), "{dialogue}");
    for kind in ["CLUSTER_DATABASE_LOGS", "CLUSTER_INFRASTRUCTURE"] {
        let ours = shop.owner.post(&format!("{own}:grant"), json!({ "grantType": kind })).await.created();
        assert!(text(&ours["note"]).contains(NOT_BLOCKED), "{ours}");
        let until = json!({ "grantType": kind, "expirationTime": "2026-11-23T20:00:00Z" });
        shop.owner.post(&format!("{atlas}:grantMongoDBEmployeeAccess"), until).await.is(204);
        assert_eq!(browser.post(&form, &[("kind", kind), ("duration", "1h")]).await.status(), 303, "{kind}");
        assert_eq!(in_force(&shop, &own).await["grantType"], kind);
    }
    let nothing = "this cluster has no App Services sync data in the inventory";
    let said = shop.owner.post(&format!("{own}:grant"), json!({ "grantType": SYNC })).await;
    assert!(said.refused(400, "VALIDATION_ERROR").contains(nothing));
    let until = json!({ "grantType": SYNC, "expirationTime": "2026-11-23T20:00:00Z" });
    let said = shop.owner.post(&format!("{atlas}:grantMongoDBEmployeeAccess"), until).await;
    assert!(said.refused(400, "VALIDATION_ERROR").contains(nothing));
    let page = browser.post(&form, &[("kind", SYNC), ("duration", "1h")]).await;
    assert_eq!(page.status(), 422);
    assert!(page.text().await.unwrap().contains("no App Services sync data in the inventory"));

    let kim = Asker::new(&house, "Kim").await;
    let id = kim.ask(&house, &shop).await;
    let approved = shop.owner.post(&format!("/api/byleave/v1/requests/{id}:approve"), json!({})).await.created();
    assert!(text(&approved["note"]).contains("upport is not blocked in this organization"), "{approved}");
    shop.owner.patch(&settings(&shop), json!({ "restrictEmployeeAccess": true })).await.ok();
    let ours = shop.owner.post(&format!("{own}:grant"), json!({ "grantType": "CLUSTER_INFRASTRUCTURE" })).await;
    assert!(ours.created().get("note").is_none(), "the grant is what opens");
    assert!(!browser.get(&form).await.text().await.unwrap().contains("upport is not blocked"));
}

fn settings(shop: &Customer) -> String {
    format!("/api/byleave/v1/organizations/{}/settings", shop.organization)
}

/// The tag in a form.
fn hidden(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"etag\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_form_that_did_not_see_the_grant_in_force_does_not_replace_it() {
    let (house, shop, two) = scene().await;
    house.person(&shop, "mia@shop.example", json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let (own, form) = (format!("/api/byleave/v1/{two}"), format!("/projects/{}/clusters/Two/grant", shop.project));
    let (browser, _) = Browser::sign_in(&house, "mia@shop.example", "").await;
    let tag = hidden(&browser.get(&form).await.text().await.unwrap());
    let logs = json!({ "grantType": "CLUSTER_DATABASE_LOGS" });
    let first = shop.owner.post(&format!("{own}:grant"), logs).await.created()["grant"]["id"].clone();
    let typed = |tag: String| {
        let typed = [("etag", tag), ("kind", "CLUSTER_INFRASTRUCTURE".to_owned()), ("duration", "90m".to_owned())];
        typed.to_vec()
    };
    let send = async |tag: String| {
        let typed = typed(tag);
        let typed: Vec<(&str, &str)> = typed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(&form, &typed).await
    };
    let stale = send(tag).await;
    assert_eq!(stale.status(), 422);
    let page = stale.text().await.unwrap();
    for part in ["Changed while this was open", "owner@shop.example", "granted", "value=\"90m\"", "takes the place of"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(in_force(&shop, &own).await["id"], first, "nothing was replaced");
    let tag = hidden(&page);
    assert_eq!(tag, text(&first));
    shop.owner.post_nothing(&format!("{own}:revoke")).await.ok();
    let stale = send(tag).await;
    assert_eq!(stale.status(), 422);
    let page = stale.text().await.unwrap();
    assert!(page.contains("owner@shop.example") && page.contains("revoked"), "{page}");
    assert_eq!(send(hidden(&page)).await.status(), 303, "who has seen it can grant");
    assert_eq!(in_force(&shop, &own).await["grantType"], "CLUSTER_INFRASTRUCTURE");
}

#[tokio::test]
async fn an_approval_that_did_not_see_the_grant_in_force_does_not_replace_it() {
    let (house, shop, _) = scene().await;
    let kim = Asker::new(&house, "Kim").await;
    let id = kim.ask(&house, &shop).await;
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    let form = format!("/requests/{id}/approve");
    let tag = hidden(&browser.get(&form).await.text().await.unwrap());
    let logs = json!({ "grantType": "CLUSTER_DATABASE_LOGS" });
    let first = shop.owner.post(&format!("{}:grant", shop.own_cluster()), logs).await.created()["grant"]["id"].clone();
    let typed = |tag: &str| {
        [("etag", tag.to_owned()), ("kind", "CLUSTER_INFRASTRUCTURE".to_owned()), ("duration", "1h".to_owned())]
    };
    let send = async |tag: &str| {
        let typed = typed(tag);
        browser.post(&form, &typed.each_ref().map(|(name, value)| (*name, value.as_str()))).await
    };
    let stale = send(&tag).await;
    assert_eq!(stale.status(), 422);
    let page = stale.text().await.unwrap();
    assert!(page.contains("Changed while this was open") && page.contains("owner@shop.example"), "{page}");
    assert_eq!(in_force(&shop, &shop.own_cluster()).await["id"], first);
    assert_eq!(send(&hidden(&page)).await.status(), 303);
    assert_ne!(in_force(&shop, &shop.own_cluster()).await["id"], first);
}

#[tokio::test]
async fn a_call_can_say_which_grant_it_replaces_and_atlas_need_not() {
    let (_house, shop, two) = scene().await;
    let (own, atlas) = (format!("/api/byleave/v1/{two}"), format!("/api/atlas/v2/{two}"));
    let grant = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" });
    let give = async |tag: &str| {
        let call = Call::new(Method::POST, &format!("{own}:grant")).body(grant.to_string());
        shop.owner.send(call.header("if-match", tag)).await
    };
    assert_eq!(shop.owner.get(&own).await.header("etag"), "\"none\"");
    give("\"000000000000000000000000\"").await.refused(412, "PRECONDITION_FAILED");
    let first = text(&give("\"none\"").await.created()["grant"]["id"]);
    assert_eq!(shop.owner.get(&own).await.header("etag"), format!("\"{first}\""));
    give("\"none\"").await.refused(412, "PRECONDITION_FAILED");
    assert_eq!(in_force(&shop, &own).await["id"], first.as_str());
    let second = text(&give(&format!("\"{first}\"")).await.created()["grant"]["id"]);
    assert_ne!(second, first);
    let until = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "expirationTime": "2026-11-23T20:00:00Z" });
    shop.owner.post(&format!("{atlas}:grantMongoDBEmployeeAccess"), until).await.is(204);
    assert_eq!(in_force(&shop, &own).await["grantType"], "CLUSTER_DATABASE_LOGS", "replaced as Atlas does");
}
