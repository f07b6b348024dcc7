//! Signing in, giving the password again, people, keys and nonces.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::house::{House, PASSWORD, text};

#[tokio::test]
async fn a_wall_clock_set_back_makes_no_password_fresh_again() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let users = format!("/api/byleave/v1/organizations/{}/users", shop.organization);
    house.clock.advance(6 * 60_000);
    house.clock.turn(-4 * 60_000);
    shop.owner.post(&users, json!({})).await.refused(403, "SIGN_IN_AGAIN");
}

#[tokio::test]
async fn a_name_is_typed_as_one_likes() {
    let house = House::open().await;
    house.customer("shop").await;
    house.sign_in(" Owner@Shop.Example").await.get("/api/byleave/v1/session").await.ok();
    Browser::sign_in(&house, " Owner@Shop.Example", "").await;
}

#[tokio::test]
async fn opening_the_door_needs_the_password_within_five_minutes_and_closing_never() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let own = shop.own_cluster();
    let grant = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" });
    let settings = format!("/api/byleave/v1/organizations/{}/settings", shop.organization);
    house.clock.advance(5 * 60_000);
    shop.owner.post(&format!("{own}:grant"), grant.clone()).await.created();
    house.clock.advance(1_000);
    shop.owner.post(&format!("{own}:grant"), grant.clone()).await.refused(403, "SIGN_IN_AGAIN");
    shop.owner.post_nothing(&format!("{own}:revoke")).await.ok();
    shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": true })).await.ok();
    shop.owner.patch(&settings, json!({ "restrictEmployeeAccess": false })).await.refused(403, "SIGN_IN_AGAIN");
    shop.owner.patch(&settings, json!({ "longestGrantMs": 1000 })).await.refused(403, "SIGN_IN_AGAIN");
    let users = format!("/api/byleave/v1/organizations/{}/users", shop.organization);
    shop.owner.post(&users, json!({})).await.refused(403, "SIGN_IN_AGAIN");
    shop.owner.get(&users).await.ok();

    let refresh = "/api/byleave/v1/session/refresh";
    shop.owner.post(refresh, json!({ "password": "wrong" })).await.refused(401, "UNEXPECTED_ERROR");
    shop.owner.post(&format!("{own}:grant"), grant.clone()).await.refused(403, "SIGN_IN_AGAIN");
    let me = shop.owner.post(refresh, json!({ "password": PASSWORD })).await.ok();
    assert_eq!(me["userName"], "owner@shop.example");
    shop.owner.post(&format!("{own}:grant"), grant).await.created();
}

#[tokio::test]
async fn a_web_session_lasts_twelve_hours_or_until_signing_out() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let me = shop.owner.get("/api/byleave/v1/session").await.ok();
    assert_eq!((&me["kind"], &me["orgId"]), (&json!("user"), &json!(shop.organization)));
    assert_eq!(me["roles"]["orgRoles"], json!(["ORG_OWNER"]));
    let second = house.sign_in("owner@shop.example").await;
    second.delete("/api/byleave/v1/session").await.done();
    second.get("/api/byleave/v1/session").await.refused(401, "UNEXPECTED_ERROR");
    house.clock.advance(12 * 3_600_000 - 1);
    shop.owner.get("/api/byleave/v1/session").await.ok();
    house.clock.advance(1);
    shop.owner.get("/api/byleave/v1/session").await.refused(401, "UNEXPECTED_ERROR");
    let kind = house.administrator().get("/api/byleave/v1/session").await.ok()["kind"].clone();
    assert_eq!(kind, "administrator");
}

#[tokio::test]
async fn a_person_changes_their_own_password_which_ends_their_other_sign_ins() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (path, me) = ("/api/byleave/v1/session/password", "/api/byleave/v1/session");
    let change = |present: &str, new: &str| json!({ "password": present, "newPassword": new });
    let second = house.sign_in("owner@shop.example").await;
    for (new, rule) in [
        ("short", "must have 12 to 128 characters"),
        ("abcabcabcabc", "must not repeat one short piece"),
        ("owner@shop.example", "must not contain the user name"),
        (PASSWORD, "must differ from the present one"),
    ] {
        let detail = shop.owner.post(path, change(PASSWORD, new)).await.refused(400, "PASSWORD_REFUSED");
        assert!(detail.contains("`newPassword`") && detail.contains(rule), "{detail}");
    }
    let fresh = "another calm evening";
    shop.owner.post(path, change("wrong", fresh)).await.refused(401, "UNEXPECTED_ERROR");
    second.get(me).await.ok();
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    key.post(path, change(PASSWORD, fresh)).await.refused(403, "USER_UNAUTHORIZED");
    let done = shop.owner.post(path, change(PASSWORD, fresh)).await.ok();
    assert_eq!(done["anchors"].as_array().unwrap().len(), 1);
    shop.owner.get(me).await.ok();
    second.get(me).await.refused(401, "UNEXPECTED_ERROR");
    let sign_in = |password: &str| json!({ "userName": "owner@shop.example", "password": password });
    house.nobody().post(me, sign_in(PASSWORD)).await.refused(401, "UNEXPECTED_ERROR");
    house.nobody().post(me, sign_in(fresh)).await.created();

    let events = format!("/api/byleave/v1/organizations/{}/events?event=user.password_changed", shop.organization);
    let answer = shop.owner.get(&events).await;
    assert!(!answer.text.contains("argon2") && !answer.text.contains(fresh), "{}", answer.text);
    let events = answer.ok();
    assert_eq!(events["results"].as_array().unwrap().len(), 1, "{events}");
    assert_eq!(events["results"][0]["userName"], "owner@shop.example");
}

#[tokio::test]
async fn wrong_passwords_and_unknown_names_look_alike_and_slow_down() {
    let house = House::open().await;
    house.customer("shop").await;
    let sign_in = async |name: &str, password: &str| {
        house.nobody().post("/api/byleave/v1/session", json!({ "userName": name, "password": password })).await
    };
    for name in ["owner@shop.example", "nobody@shop.example", "no e-mail address"] {
        for _ in 0..6 {
            let detail = sign_in(name, "wrong").await.refused(401, "UNEXPECTED_ERROR");
            assert_eq!(detail, "the user name or the password is wrong");
        }
        let answer = sign_in(name, PASSWORD).await;
        assert_eq!(answer.header("retry-after"), "3");
        answer.refused(429, "RATE_LIMITED");
    }
    house.clock.advance(2_000);
    sign_in("owner@shop.example", PASSWORD).await.created();
    sign_in("owner@shop.example", PASSWORD).await.created();
}

#[tokio::test]
async fn people_are_invited_changed_and_removed_by_owners() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let users = format!("/api/byleave/v1/organizations/{}/users", shop.organization);
    let roles = json!({ "orgRoles": [], "groupRoleAssignments": [
        { "groupId": shop.project, "groupRoles": ["GROUP_SUPPORT_ACCESS_MANAGER"] }
    ] });
    let body = json!({ "userName": "sam@shop.example", "roles": roles });
    let invited = shop.owner.post(&users, body).await.created();
    let open = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/invitations", shop.organization)).await.ok();
    assert_eq!(open["results"][0]["userName"], "sam@shop.example");
    let path = format!("/api/byleave/v1/invitations/{}", text(&invited["token"]));
    let facts = house.nobody().get(&path).await.ok();
    assert_eq!((&facts["userName"], &facts["firstOwner"]), (&json!("sam@shop.example"), &json!(false)));
    for bad in ["short", "aaaaaaaaaaaaaaaa", "sam@shop.example", &"x1".repeat(65)] {
        let detail = house.nobody().post(&format!("{path}:claim"), json!({ "password": bad })).await;
        detail.refused(400, "PASSWORD_REFUSED");
    }
    house
        .nobody()
        .post(&format!("{path}:take"), json!({ "password": PASSWORD }))
        .await
        .refused(404, "RESOURCE_NOT_FOUND");
    let claimed = house.nobody().post(&format!("{path}:claim"), json!({ "password": PASSWORD })).await.created();
    house
        .nobody()
        .post(&format!("{path}:claim"), json!({ "password": PASSWORD }))
        .await
        .refused(404, "RESOURCE_NOT_FOUND");
    house.nobody().get(&path).await.refused(404, "RESOURCE_NOT_FOUND");

    let sam = house.sign_in("sam@shop.example").await;
    sam.post(&format!("{}:grant", shop.own_cluster()), json!({ "grantType": "CLUSTER_INFRASTRUCTURE" }))
        .await
        .created();
    let list: Value = shop.owner.get(&users).await.ok();
    assert_eq!(list["results"].as_array().unwrap().len(), 2);
    let one = format!("{users}/{}", text(&claimed["userId"]));
    let reader = json!({ "roles": { "orgRoles": ["ORG_READ_ONLY"] } });
    let changed = shop.owner.patch(&one, reader).await.ok();
    assert_eq!(changed["roles"]["orgRoles"], json!(["ORG_READ_ONLY"]));
    assert_eq!(changed["anchors"][0]["log"], shop.organization, "what was recorded can be kept: {changed}");
    sam.post(&format!("{}:grant", shop.own_cluster()), json!({})).await.refused(403, "USER_UNAUTHORIZED");
    for (bad, code, named) in [
        (json!({ "roles": {} }), "VALIDATION_ERROR", "at least one role"),
        (json!({ "roles": { "orgRoles": ["GROUP_OWNER"] } }), "INVALID_ENUM_VALUE", "`roles.orgRoles[0]`"),
        (
            json!({ "roles": { "groupRoleAssignments": [{ "groupId": "x", "groupRoles": [] }] } }),
            "VALIDATION_ERROR",
            "groupId",
        ),
    ] {
        let detail = shop.owner.patch(&one, bad).await.refused(400, code);
        assert!(detail.contains(named), "{detail}");
    }
    shop.owner.delete(&one).await.ok();
    sam.get("/api/byleave/v1/session").await.refused(401, "UNEXPECTED_ERROR");
    shop.owner.delete(&one).await.refused(404, "RESOURCE_NOT_FOUND");
    let me = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
    let detail = shop.owner.delete(&format!("{users}/{me}")).await.refused(409, "LAST_OWNER");
    assert!(detail.contains("ORG_OWNER"), "{detail}");
}

#[tokio::test]
async fn a_key_is_shown_once_and_ends_when_it_is_removed() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let keys = format!("/api/byleave/v1/organizations/{}/apiKeys", shop.organization);
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_READ_ONLY"] })).await;
    let (public_key, private_key) = key.keys();
    assert!(public_key.len() == 8 && public_key.bytes().all(|b| b.is_ascii_lowercase()), "{public_key}");
    let parts: Vec<usize> = private_key.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{private_key}");
    let list = shop.owner.get(&keys).await;
    assert!(!list.text.contains(private_key));
    let id = text(&list.ok()["results"][0]["id"]);
    for _ in 0..3 {
        key.get("/api/atlas/v2/orgs").await.ok();
    }
    house.clock.advance(5 * 60_000 + 1);
    key.get("/api/atlas/v2/orgs").await.ok();
    let wrong = Client::digest(house.address, public_key, "00000000-0000-4000-8000-000000000000");
    wrong.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    let sign_in = house.sign_in("owner@shop.example").await;
    sign_in.delete(&format!("{keys}/{id}")).await.ok();
    sign_in.delete(&format!("{keys}/{id}")).await.refused(404, "API_KEY_NOT_FOUND");
    key.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
}

#[tokio::test]
async fn a_flood_of_sign_ins_is_turned_away_and_keeps_nobody_elsewhere_out() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let nobody = house.nobody();
    let sign_in = async |number: u32| {
        let body = json!({ "userName": format!("n{number}@shop.example"), "password": PASSWORD });
        nobody.post("/api/byleave/v1/session", body).await.status.as_u16()
    };
    let flood = futures_util::future::join_all((0..120).map(sign_in));
    let elsewhere = async {
        let browser = Browser::new(&house).from([127, 0, 0, 9]);
        let form = [("user_name", "owner@shop.example"), ("password", PASSWORD)];
        let again = shop.owner.post("/api/byleave/v1/session/refresh", json!({ "password": PASSWORD })).await;
        (browser.post("/sign-in", &form).await.status().as_u16(), again.status.as_u16())
    };
    let (seen, elsewhere) = futures_util::future::join(flood, elsewhere).await;
    assert_eq!(elsewhere, (303, 200), "{seen:?}");
    let count = |status| seen.iter().filter(|seen| **seen == status).count();
    assert_eq!(count(401) + count(429), 120, "{seen:?}");
    assert!(count(401) >= 4 && count(429) > 0, "{seen:?}");
}

#[tokio::test]
async fn an_owner_makes_a_link_with_which_somebody_chooses_a_new_password() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let kim = house.person(&shop, "kim@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let id = text(&kim.get("/api/byleave/v1/session").await.ok()["id"]);
    let reset = format!("/api/byleave/v1/organizations/{}/users/{id}:resetPassword", shop.organization);
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    for who in [&key, &kim, &house.administrator()] {
        who.post_nothing(&reset).await.refused(403, "USER_UNAUTHORIZED");
    }
    let made = shop.owner.post_nothing(&reset).await.created();
    let path = format!("/api/byleave/v1/invitations/{}", text(&made["token"]));
    let facts = house.nobody().get(&path).await.ok();
    assert_eq!((&facts["passwordReset"], &facts["userName"]), (&json!(true), &json!("kim@shop.example")));
    let page = house.nobody().get(&text(&made["path"])).await.text;
    assert!(page.contains("Choose a new password") && page.contains("you are signed out"), "{page}");
    kim.get("/api/byleave/v1/session").await.ok();
    let fresh = json!({ "password": "another calm evening" });
    house.nobody().post(&format!("{path}:claim"), fresh.clone()).await.created();
    kim.get("/api/byleave/v1/session").await.refused(401, "UNEXPECTED_ERROR");
    house.nobody().post(&format!("{path}:claim"), fresh).await.refused(404, "RESOURCE_NOT_FOUND");
    let sign_in = |password: &str| json!({ "userName": "kim@shop.example", "password": password });
    house.nobody().post("/api/byleave/v1/session", sign_in(PASSWORD)).await.refused(401, "UNEXPECTED_ERROR");
    house.nobody().post("/api/byleave/v1/session", sign_in("another calm evening")).await.created();

    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    let dialogue = format!("/users/{id}/reset-password");
    assert!(browser.get("/users").await.text().await.unwrap().contains(&dialogue));
    assert!(browser.get(&dialogue).await.text().await.unwrap().contains("within an hour"));
    let shown = browser.post(&dialogue, &[]).await.text().await.unwrap();
    assert!(shown.contains("/invitations/") && shown.contains("The link for a new password is made"), "{shown}");
    let feed = browser.get("/activity").await.text().await.unwrap();
    for part in
        ["made a link with which kim@shop.example can choose a new password", "chose a new password with that link"]
    {
        assert!(feed.contains(part), "{part}: {feed}");
    }
}

#[tokio::test]
async fn owners_see_open_links_for_a_new_password_and_withdraw_them() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let kim = house.person(&shop, "kim@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let id = text(&kim.get("/api/byleave/v1/session").await.ok()["id"]);
    let own = format!("/api/byleave/v1/organizations/{}", shop.organization);
    let (reset, resets) = (format!("{own}/users/{id}:resetPassword"), format!("{own}/passwordResets"));
    assert_eq!(shop.owner.get(&resets).await.ok()["results"], json!([]));
    let made = shop.owner.post_nothing(&reset).await.created();
    let list = shop.owner.get(&resets).await;
    assert!(!list.text.contains(&text(&made["token"])), "{}", list.text);
    let wanted = json!({
        "id": made["invitationId"], "userId": id, "userName": "kim@shop.example", "createdBy": "owner@shop.example",
        "createdAt": "2026-11-23T18:00:00.000Z", "expiresAt": made["expiresAt"],
    });
    assert_eq!(list.ok()["results"], json!([wanted]));
    let one = format!("{resets}/{}", text(&made["invitationId"]));
    for who in [&kim, &house.administrator()] {
        who.get(&resets).await.refused(403, "USER_UNAUTHORIZED");
        who.delete(&one).await.refused(403, "USER_UNAUTHORIZED");
    }
    let done = shop.owner.delete(&one).await.ok();
    assert_eq!(done["anchors"].as_array().unwrap().len(), 1);
    let detail = shop.owner.delete(&one).await.refused(404, "RESOURCE_NOT_FOUND");
    assert!(detail.contains("link for a new password"), "{detail}");
    let claim = format!("/api/byleave/v1/invitations/{}:claim", text(&made["token"]));
    let unknown = format!("/api/byleave/v1/invitations/{}:claim", "0a".repeat(32));
    let fresh = json!({ "password": "another calm evening" });
    let withdrawn = house.nobody().post(&claim, fresh.clone()).await.refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(house.nobody().post(&unknown, fresh).await.refused(404, "RESOURCE_NOT_FOUND"), withdrawn);

    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    let page = async |path: &str| browser.get(path).await.text().await.unwrap();
    assert!(page("/users").await.contains("There is none at the moment"));
    let made = shop.owner.post_nothing(&reset).await.created();
    let shown = page("/users").await;
    let dialogue = format!("/users/password-resets/{}/withdraw", text(&made["invitationId"]));
    assert!(shown.contains("Withdraw the link for a new password of kim@shop.example"), "{shown}");
    assert!(shown.contains(&dialogue) && !shown.contains(&text(&made["token"])), "{shown}");
    assert!(page(&dialogue).await.contains("opens nothing any more"));
    let (member, _) = Browser::sign_in(&house, "kim@shop.example", "").await;
    assert_eq!(member.post(&dialogue, &[]).await.status(), 403);
    assert_eq!(browser.post(&dialogue, &[]).await.status(), 303);
    assert!(page("/users").await.contains("There is none at the moment"));
    let feed = page("/activity").await;
    let sentence = "withdrew the link with which kim@shop.example could have chosen a new password";
    assert!(feed.contains(sentence), "{feed}");
    assert_eq!(browser.post(&dialogue, &[]).await.status(), 404);
}

#[tokio::test]
async fn invitations_of_a_key_that_is_gone_are_of_no_use() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let own = format!("/api/byleave/v1/organizations/{}", shop.organization);
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let body = json!({ "userName": "sam@shop.example", "roles": { "orgRoles": ["ORG_OWNER"] } });
    let invited = key.post(&format!("{own}/users"), body).await.created();
    let path = format!("/api/byleave/v1/invitations/{}", text(&invited["token"]));
    house.nobody().get(&path).await.ok();
    let keys = shop.owner.get(&format!("{own}/apiKeys")).await.ok();
    shop.owner.delete(&format!("{own}/apiKeys/{}", text(&keys["results"][0]["id"]))).await.ok();
    let claim = json!({ "password": PASSWORD });
    house.nobody().post(&format!("{path}:claim"), claim).await.refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(house.nobody().get(&text(&invited["path"])).await.status, 404);
    assert_eq!(shop.owner.get(&format!("{own}/invitations")).await.ok()["results"], json!([]));
}

#[tokio::test]
async fn whoever_chose_a_new_password_after_many_wrong_ones_signs_in_with_it_at_once() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let kim = house.person(&shop, "kim@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let id = text(&kim.get("/api/byleave/v1/session").await.ok()["id"]);
    let reset = format!("/api/byleave/v1/organizations/{}/users/{id}:resetPassword", shop.organization);
    let sign_in = async |name: &str, password: &str| {
        house.nobody().post("/api/byleave/v1/session", json!({ "userName": name, "password": password })).await
    };
    for on_page in [false, true] {
        for name in ["kim@shop.example", "owner@shop.example"] {
            while sign_in(name, "forgotten").await.status == 401 {}
        }
        let password = if on_page { "a calm evening at sea" } else { "another calm evening" };
        let made = shop.owner.post_nothing(&reset).await.created();
        if on_page {
            let form = [("password", password), ("again", password)];
            let answer = Browser::new(&house).post(&text(&made["path"]), &form).await;
            assert_eq!(answer.status(), 303, "{:?}", answer.text().await);
        } else {
            let claim = format!("/api/byleave/v1/invitations/{}:claim", text(&made["token"]));
            house.nobody().post(&claim, json!({ "password": password })).await.created();
        }
        sign_in("kim@shop.example", password).await.created();
        sign_in("owner@shop.example", PASSWORD).await.refused(429, "RATE_LIMITED");
    }
}
