//! The recovery of a lost last owner, by call and on the pages: all members see it, and any member stops it.

use byleave_core::recovery::STOPPABLE_FOR;
use byleave_core::time::HOUR;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::house::{Customer, House, PASSWORD, text};

const BANNER: &str = "The vendor is adding an owner to your organization";

fn organization(shop: &Customer) -> String {
    format!("/api/byleave/v1/organizations/{}", shop.organization)
}

async fn start(house: &House, shop: &Customer) -> Value {
    let body = json!({ "ownerUserName": "ada@shop.example" });
    house.administrator().post(&format!("{}:recoverOwner", organization(shop)), body).await.created()
}

#[tokio::test]
async fn after_72_hours_it_makes_one_invitation() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (own, administrator) = (organization(&shop), house.administrator());
    assert_eq!(shop.owner.get(&format!("{own}/recovery")).await.ok(), json!({}));
    let started = start(&house, &shop).await;
    assert_eq!(started["recovery"]["status"], "waiting");
    assert_eq!(started["anchors"].as_array().unwrap().len(), 1);
    let seen = shop.owner.get(&format!("{own}/recovery")).await.ok();
    assert_eq!(seen["recovery"], started["recovery"]);
    assert_eq!(
        (&seen["recovery"]["ownerUserName"], &seen["recovery"]["stoppable"]),
        (&json!("ada@shop.example"), &json!(true))
    );
    let invite = format!("{own}:inviteRecoveredOwner");
    house.clock.advance(STOPPABLE_FOR - 1);
    let detail = administrator.post_nothing(&invite).await.refused(409, "CONFLICT");
    assert!(detail.contains("members can stop the recovery until"), "{detail}");
    let again = json!({ "ownerUserName": "eve@shop.example" });
    administrator.post(&format!("{own}:recoverOwner"), again).await.refused(409, "CONFLICT");
    house.clock.advance(1);
    let token = text(&administrator.post_nothing(&invite).await.created()["token"]);
    administrator.post_nothing(&invite).await.refused(409, "CONFLICT");
    let claim = format!("/api/byleave/v1/invitations/{token}:claim");
    house.nobody().post(&claim, json!({ "password": PASSWORD })).await.created();
    house.nobody().post(&claim, json!({ "password": PASSWORD })).await.refused(404, "RESOURCE_NOT_FOUND");
    let ada = house.sign_in("ada@shop.example").await;
    assert_eq!(ada.get(&format!("{own}/recovery")).await.ok()["recovery"]["status"], "claimed");
    let users = ada.get(&format!("{own}/users")).await.ok();
    assert!(users.to_string().contains("owner@shop.example"), "nobody is removed: {users}");
}

#[tokio::test]
async fn any_member_stops_it_by_call() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let other = house.customer("other").await;
    let (own, administrator) = (organization(&shop), house.administrator());
    let member = house.person(&shop, "no@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    start(&house, &shop).await;
    // No fresh sign-in is asked for.
    house.clock.advance(6 * 60_000);
    let stop = format!("{own}:stopRecovery");
    administrator.post_nothing(&stop).await.refused(403, "USER_UNAUTHORIZED");
    other.owner.post_nothing(&stop).await.refused(404, "ORG_NOT_FOUND");
    other.owner.get(&format!("{own}/recovery")).await.refused(404, "ORG_NOT_FOUND");
    let stopped = member.post_nothing(&stop).await.ok();
    assert_eq!((&stopped["recovery"]["status"], &stopped["recovery"]["stoppable"]), (&json!("stopped"), &json!(false)));
    assert_eq!(member.post_nothing(&stop).await.ok(), json!({ "anchors": [] }), "there is none to stop");
    house.clock.advance(STOPPABLE_FOR);
    administrator.post_nothing(&format!("{own}:inviteRecoveredOwner")).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn a_new_owner_is_named_and_is_nobody_yet() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (path, administrator) = (format!("{}:recoverOwner", organization(&shop)), house.administrator());
    let long = format!("{}@shop.example", "x".repeat(300));
    let cases: Vec<(Value, &str)> = vec![
        (json!({}), "MISSING_ATTRIBUTE"),
        (json!({ "ownerUserName": "" }), "VALIDATION_ERROR"),
        (json!({ "ownerUserName": "ada" }), "VALIDATION_ERROR"),
        (json!({ "ownerUserName": long }), "VALIDATION_ERROR"),
        (json!({ "ownerUserName": "a\u{202e}b@shop.example" }), "VALIDATION_ERROR"),
        (json!({ "ownerUserName": 4 }), "INVALID_ATTRIBUTE"),
        (json!({ "ownerUserName": null }), "INVALID_ATTRIBUTE"),
    ];
    for (body, code) in cases {
        let answer = administrator.post(&path, body.clone()).await;
        let said = answer.json();
        assert_eq!(said["badRequestDetail"]["fields"][0]["field"], "ownerUserName", "{body}: {said}");
        answer.refused(400, code);
    }
    let more = json!({ "ownerUserName": "ada@shop.example", "now": true });
    administrator.post(&path, more).await.refused(400, "INVALID_ATTRIBUTE");
    administrator.post(&path, json!({ "ownerUserName": "owner@shop.example" })).await.refused(409, "CONFLICT");
    let nowhere = "/api/byleave/v1/organizations/eeeeeeeeeeeeeeeeeeeeeeee:recoverOwner";
    administrator.post(nowhere, json!({ "ownerUserName": "ada@x.example" })).await.refused(404, "ORG_NOT_FOUND");
    assert_eq!(shop.owner.get(&format!("{}/recovery", organization(&shop))).await.ok(), json!({}));
}

#[tokio::test]
async fn every_page_of_every_member_shows_it_and_one_click_stops_it() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    house.person(&shop, "no@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let in_project =
        json!({ "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": ["GROUP_READ_ONLY"] }] });
    house.person(&shop, "ro@shop.example", in_project).await;
    let members = ["owner@shop.example", "no@shop.example", "ro@shop.example"];
    let (quiet, _) = Browser::sign_in(&house, members[0], "").await;
    assert!(!quiet.get("/clusters").await.text().await.unwrap().contains(BANNER));
    for user in members {
        start(&house, &shop).await;
        let (browser, _) = Browser::sign_in(&house, user, "").await;
        for path in ["/clusters", "/activity", "/account", "/sessions"] {
            let shown = browser.get(path).await.text().await.unwrap();
            assert!(shown.contains(BANNER) && shown.contains("ada@shop.example"), "{user} {path}: {shown}");
            assert!(shown.contains("/recovery/stop"), "{user} {path}");
        }
        house.clock.advance(HOUR);
        assert_eq!(browser.post("/recovery/stop", &[]).await.status(), 303, "{user}: no password, one click");
        let shown = browser.get("/activity").await.text().await.unwrap();
        assert!(!shown.contains(BANNER) && shown.contains("stopped the recovery of a lost owner"), "{user}: {shown}");
    }
    start(&house, &shop).await;
    let (owner, _) = Browser::sign_in(&house, members[0], "").await;
    let dialogues =
        ["/settings", "/settings/block", "/users", "/users/invite", "/api-keys", "/api-keys/new", "/evidence"];
    for path in dialogues {
        assert!(owner.get(path).await.text().await.unwrap().contains(BANNER), "{path}");
    }
    house.clock.advance(STOPPABLE_FOR);
    house.administrator().post_nothing(&format!("{}:inviteRecoveredOwner", organization(&shop))).await.created();
    let (browser, _) = Browser::sign_in(&house, members[1], "").await;
    assert!(browser.get("/clusters").await.text().await.unwrap().contains("They are invited, and can join until"));
    assert_eq!(browser.post("/recovery/stop", &[]).await.status(), 303);
    assert!(!browser.get("/clusters").await.text().await.unwrap().contains(BANNER));
}
