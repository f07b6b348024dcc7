//! `ETag` and `If-Match`: nobody overwrites what they have not seen.

use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House, cluster, text};

async fn patch_if(client: &Client, path: &str, tag: &str, body: &Value) -> Answer {
    client.send(Call::new(Method::PATCH, path).body(body.to_string()).header("if-match", tag)).await
}

async fn size(shop: &Customer) -> Value {
    let feed = format!("/api/byleave/v1/organizations/{}/events?itemsPerPage=1", shop.organization);
    shop.owner.get(&feed).await.ok()["totalCount"].clone()
}

/// Two people read, both change, the second is refused; then reads again and succeeds.
async fn second_is_refused(shop: &Customer, read: &str, patch: &str, first: Value, second: Value) {
    let seen = shop.owner.get(read).await;
    let tag = seen.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() == 34, "{read}: {tag}");
    seen.ok();
    let changed = patch_if(&shop.owner, patch, &tag, &first).await;
    let new_tag = changed.header("etag").to_owned();
    changed.ok();
    assert_ne!(new_tag, tag, "{patch}");
    let before = size(shop).await;
    let said = patch_if(&shop.owner, patch, &tag, &second).await.refused(412, "PRECONDITION_FAILED");
    assert_eq!(said, "somebody else changed this since you read it; nothing was changed now: read it again");
    patch_if(&shop.owner, patch, "W/\"x\", \"0123\"", &second).await.refused(412, "PRECONDITION_FAILED");
    assert_eq!(size(shop).await, before, "{patch}: nothing was changed");
    let now = shop.owner.get(read).await.header("etag").to_owned();
    assert_eq!(now, new_tag, "{read}: the answer to a change tells the tag that a read does");
    patch_if(&shop.owner, patch, &format!("\"other\", {now}"), &second).await.ok();
    patch_if(&shop.owner, patch, "*", &first).await.ok();
    for bad in ["x", "\"x", ""] {
        let said = patch_if(&shop.owner, patch, bad, &first).await.refused(400, "VALIDATION_ERROR");
        assert!(said.contains("`If-Match`"), "{said}");
    }
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_meanwhile_is_refused() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (own, atlas) = (
        format!("/api/byleave/v1/organizations/{}", shop.organization),
        format!("/api/atlas/v2/orgs/{}", shop.organization),
    );
    let settings = format!("{own}/settings");
    let (eight, four) = (json!({ "longestGrantMs": 28_800_000 }), json!({ "longestGrantMs": 14_400_000 }));
    second_is_refused(&shop, &settings, &settings, eight, four).await;
    let settings = format!("{atlas}/settings");
    let contact =
        |name: &str| json!({ "securityContact": format!("{name}@shop.example"), "restrictEmployeeAccess": true });
    second_is_refused(&shop, &settings, &settings, contact("a"), contact("b")).await;
    let person = house.person(&shop, "kim@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let id = text(&person.get("/api/byleave/v1/session").await.ok()["id"]);
    let roles = |role: &str| json!({ "roles": { "orgRoles": [role] } });
    let (read, patch) = (format!("{atlas}/users/{id}"), format!("{own}/users/{id}"));
    second_is_refused(&shop, &read, &patch, roles("ORG_READ_ONLY"), roles("ORG_OWNER")).await;
    second_is_refused(&shop, &read, &read, roles("ORG_MEMBER"), roles("ORG_OWNER")).await;
    let made = shop.owner.post(&format!("{atlas}/apiKeys"), json!({ "desc": "a", "roles": ["ORG_MEMBER"] })).await.ok();
    let key = format!("{atlas}/apiKeys/{}", text(&made["id"]));
    second_is_refused(&shop, &key, &key, json!({ "desc": "b" }), json!({ "roles": ["ORG_READ_ONLY"] })).await;
    let account = json!({ "name": "a", "description": "a", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
    let made = shop.owner.post(&format!("{atlas}/serviceAccounts"), account).await.created();
    let account = format!("{atlas}/serviceAccounts/{}", text(&made["clientId"]));
    second_is_refused(&shop, &account, &account, json!({ "name": "b" }), json!({ "description": "c" })).await;
}

#[tokio::test]
async fn a_block_is_set_whatever_was_expected_and_what_has_no_tag_is_not_changed_under_one() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let block = json!({ "restrictEmployeeAccess": true });
    for settings in [
        format!("/api/byleave/v1/organizations/{}/settings", shop.organization),
        format!("/api/atlas/v2/orgs/{}/settings", shop.organization),
    ] {
        shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": false })).await.ok();
        let set = patch_if(&shop.owner, &settings, "\"old\"", &block).await.ok();
        assert_eq!(set["restrictEmployeeAccess"], true, "{settings}");
        let lift = json!({ "restrictEmployeeAccess": false });
        patch_if(&shop.owner, &settings, "\"old\"", &lift).await.refused(412, "PRECONDITION_FAILED");
    }
    let grant = json!({ "grantType": "CLUSTER_DATABASE_LOGS" });
    let post =
        |verb: &str| Call::new(Method::POST, &format!("{}:{verb}", shop.own_cluster())).header("if-match", "\"old\"");
    let before = size(&shop).await;
    shop.owner.send(post("grant").body(grant.to_string())).await.refused(412, "PRECONDITION_FAILED");
    assert_eq!(size(&shop).await, before);
    shop.owner.post(&format!("{}:grant", shop.own_cluster()), grant).await.created();
    let revoked = shop.owner.send(post("revoke")).await.ok();
    assert!(revoked["revoked"].is_object(), "a revoke is carried out in any case: {revoked}");
}

#[tokio::test]
async fn an_apply_does_the_plan_that_was_seen_or_nothing() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let administrator = house.administrator();
    let second = |name: &str| {
        let mut second = cluster(&shop.organization, &name.to_lowercase());
        second["name"] = json!(name);
        json!({ "clusters": [second] })
    };
    let plan = administrator.post("/api/byleave/v1/inventory:plan", second("Two")).await;
    let tag = plan.header("etag").to_owned();
    assert_eq!(format!("\"{}\"", text(&plan.ok()["etag"])), tag);
    administrator.post("/api/byleave/v1/inventory:apply", second("Three")).await.ok();
    let apply = |tag: &str| {
        let call = Call::new(Method::POST, "/api/byleave/v1/inventory:apply").header("if-match", tag);
        call.body(second("Two").to_string())
    };
    let before = administrator.get("/api/byleave/v1/inventory").await.ok();
    administrator.send(apply(&tag)).await.refused(412, "PRECONDITION_FAILED");
    assert_eq!(administrator.get("/api/byleave/v1/inventory").await.ok(), before);
    let plan = administrator.post("/api/byleave/v1/inventory:plan", second("Two")).await;
    administrator.send(apply(plan.header("etag"))).await.ok();
}

#[tokio::test]
async fn who_has_it_already_gets_it_not_again() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    for settings in [
        format!("/api/byleave/v1/organizations/{}/settings", shop.organization),
        format!("/api/atlas/v2/orgs/{}/settings", shop.organization),
    ] {
        let tag = shop.owner.get(&settings).await.header("etag").to_owned();
        let ask = |tag: &str| Call::new(Method::GET, &settings).header("if-none-match", tag);
        let same = shop.owner.send(ask(&format!("\"x\", {tag}"))).await;
        assert_eq!((same.status.as_u16(), same.text.as_str(), same.header("etag")), (304, "", tag.as_str()));
        shop.owner.send(ask("\"x\"")).await.ok();
        shop.owner.send(ask("not a tag")).await.ok();
        house.nobody().send(ask(&tag)).await.refused(401, "UNEXPECTED_ERROR");
    }
}

/// The tag in a form.
fn hidden(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"etag\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_form_that_was_open_too_long_says_who_changed_what_and_keeps_what_was_typed() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    house.person(&shop, "mia@shop.example", json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let (browser, _) = Browser::sign_in(&house, "mia@shop.example", "/clusters").await;
    let form = "/settings/longest-grant";
    let tag = hidden(&browser.get(form).await.text().await.unwrap());
    let settings = format!("/api/byleave/v1/organizations/{}/settings", shop.organization);
    shop.owner.patch(&settings, json!({ "longestGrantMs": 28_800_000 })).await.ok();
    let before = size(&shop).await;
    let stale = browser.post(form, &[("etag", &tag), ("longest", "90m")]).await;
    assert_eq!(stale.status(), 422);
    let page = stale.text().await.unwrap();
    for part in
        ["Changed while this was open", "owner@shop.example", "set the longest grant to 8h", "value=\"90m\"", "Now: 8h"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(size(&shop).await, before, "nothing was overwritten");
    let again = browser.post(form, &[("etag", &hidden(&page)), ("longest", "90m")]).await;
    assert_eq!(again.status(), 303, "with the new tag it is set");
    assert_eq!(shop.owner.get(&settings).await.ok()["longestGrantMs"], 5_400_000);
}

#[tokio::test]
async fn roles_that_somebody_else_changed_are_not_overwritten_from_an_open_form() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    house.person(&shop, "mia@shop.example", json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let kim = house.person(&shop, "kim@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let kim = text(&kim.get("/api/byleave/v1/session").await.ok()["id"]);
    let (browser, _) = Browser::sign_in(&house, "mia@shop.example", "/clusters").await;
    let form = format!("/users/{kim}/roles");
    let tag = hidden(&browser.get(&form).await.text().await.unwrap());
    let path = format!("/api/byleave/v1/organizations/{}/users/{kim}", shop.organization);
    shop.owner.patch(&path, json!({ "roles": { "orgRoles": ["ORG_READ_ONLY"] } })).await.ok();
    let stale = browser.post(&form, &[("etag", &tag), ("role", "ORG_OWNER")]).await;
    assert_eq!(stale.status(), 422);
    let page = stale.text().await.unwrap();
    for part in ["owner@shop.example", "changed the roles of", "value=\"ORG_OWNER\" checked"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let again = browser.post(&form, &[("etag", &hidden(&page)), ("role", "ORG_OWNER")]).await;
    assert_eq!(again.status(), 303);
}
