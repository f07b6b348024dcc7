//! What clients notice: which field a refusal names, how a header is read, and one rule for one thing on every path.

use reqwest::Method;
use serde_json::{Value, json};

use crate::accounts;
use crate::client::{Answer, Call};
use crate::house::{Customer, House, PASSWORD, text};

fn named(answer: &Answer) -> Value {
    answer.json()["badRequestDetail"]["fields"][0]["field"].clone()
}

/// Who asks, and what the lists of keys, service accounts and invitations answer on Atlas's path and ours.
#[tokio::test]
async fn who_may_list_a_thing_does_not_depend_on_the_path() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (own, atlas) = (
        format!("/api/byleave/v1/organizations/{}", shop.organization),
        format!("/api/atlas/v2/orgs/{}", shop.organization),
    );
    let in_project = |role: &str| json!({ "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": [role] }], "orgRoles": [] });
    let in_organization = |role: &str| json!({ "orgRoles": [role] });
    for (roles, keys, service_accounts, invitations) in [
        (in_organization("ORG_OWNER"), 200, 200, 200),
        (in_organization("ORG_READ_ONLY"), 200, 200, 403),
        (in_organization("ORG_MEMBER"), 200, 403, 403),
        (in_project("GROUP_OWNER"), 403, 403, 403),
        (in_project("GROUP_READ_ONLY"), 403, 403, 403),
    ] {
        let key = house.key(&shop, roles.clone()).await;
        for (path, status) in [
            (format!("{atlas}/apiKeys"), keys),
            (format!("{own}/apiKeys"), keys),
            (format!("{atlas}/serviceAccounts"), service_accounts),
            (format!("{atlas}/invites"), invitations),
            (format!("{own}/invitations"), invitations),
        ] {
            assert_eq!(key.get(&path).await.status, status, "{roles} {path}");
        }
        let made = house.key(&shop, json!({ "orgRoles": ["ORG_MEMBER"] })).await;
        let list = shop.owner.get(&format!("{atlas}/apiKeys")).await.ok();
        let one = list["results"].as_array().unwrap().iter().find(|one| one["publicKey"] == made.keys().0).unwrap();
        let one = format!("{atlas}/apiKeys/{}", text(&one["id"]));
        assert_eq!(key.get(&one).await.status, keys, "{roles} {one}");
        assert_eq!(key.get(&format!("{one}/accessList")).await.status, keys, "{roles} {one}");
    }
    let reader = house.key(&shop, in_project("GROUP_READ_ONLY")).await;
    for kind in ["apiKeys", "serviceAccounts"] {
        reader.get(&format!("/api/atlas/v2/groups/{}/{kind}", shop.project)).await.ok();
    }
}

#[tokio::test]
async fn an_event_type_that_can_be_none_is_refused_and_named() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (org, group) =
        (format!("/api/atlas/v2/orgs/{}", shop.organization), format!("/api/atlas/v2/groups/{}", shop.project));
    for (path, parameter) in [
        (format!("{org}/events"), "eventType"),
        (format!("{group}/events"), "eventType"),
        (format!("{group}/events"), "excludedEventType"),
        (format!("{org}/activityFeed"), "eventType"),
        (format!("{group}/activityFeed"), "eventType"),
    ] {
        for bad in ["NOPE", "XX", "_", "A__B", "_A", "A_", "TEAM_CREATED,NOPE"] {
            let answer = shop.owner.get(&format!("{path}?{parameter}={bad}")).await;
            assert_eq!(answer.status, 400, "{path}?{parameter}={bad}: {}", answer.text);
            assert_eq!(named(&answer), parameter, "{}", answer.text);
            answer.refused(400, "INVALID_ENUM_VALUE");
        }
        shop.owner.get(&format!("{path}?{parameter}=TEAM_CREATED,EMPLOYEE_ACCESS_GRANTED")).await.ok();
    }
}

#[tokio::test]
async fn a_time_too_far_away_names_the_limit() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster());
    for time in
        ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999999-23:00", "9999-12-30T00:00:00Z", "3000-01-01T00:00:00Z"]
    {
        let body = json!({ "grantType": "CLUSTER_INFRASTRUCTURE", "expirationTime": time });
        let said = shop.owner.post(&path, body).await.refused(400, "VALIDATION_ERROR");
        assert!(said.contains("at most 24h from now"), "{time}: {said}");
    }
    for time in
        ["99999-12-31T23:59:59Z", "9999-13-31T23:59:59Z", "9999-12-31", "9999-12-31T23:59:59", "+9999-12-31T23:59:61Z"]
    {
        let body = json!({ "grantType": "CLUSTER_INFRASTRUCTURE", "expirationTime": time });
        let said = shop.owner.post(&path, body).await.refused(400, "VALIDATION_ERROR");
        assert!(said.contains("date, time and zone"), "{time}: {said}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_body_as_a_whole_is_named_as_well() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("{}:grant", shop.own_cluster());
    for (body, status) in [
        (b"{".to_vec(), 400),
        (b"{}{}".to_vec(), 400),
        (b"{\"reason\":\"\xe4\"}".to_vec(), 400),
        (format!("{{\"reason\":{}{}}}", "[".repeat(128), "]".repeat(128)).into_bytes(), 400),
        (vec![b' '; 1024 * 1024 + 1], 413),
    ] {
        let answer = shop.owner.send(Call::new(Method::POST, &path).body(body.clone())).await;
        assert_eq!((answer.status.as_u16(), named(&answer)), (status, json!("body")), "{}", answer.text);
    }
    let accounts = accounts::accounts(&shop);
    let body = json!({ "name": "a", "description": "b", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
    let secrets = format!("{accounts}/{}/secrets", text(&shop.owner.post(&accounts, body).await.created()["clientId"]));
    shop.owner.post(&secrets, json!({ "secretExpiresAfterHours": 8 })).await.created();
    let third = shop.owner.post(&secrets, json!({ "secretExpiresAfterHours": 8 })).await;
    assert_eq!(named(&third), "secrets", "{}", third.text);
    third.refused(400, "VALIDATION_ERROR");
    for query in ["name=%ff", "x=1&name=a%c3", "%ff=1"] {
        let answer = shop.owner.get(&format!("/api/atlas/v2/orgs?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        answer.refused(400, "INVALID_QUERY_PARAMETER");
    }
    shop.owner.get("/api/atlas/v2/orgs?pageNum&x&y=%E2%82%AC").await.ok();
}

#[tokio::test]
async fn media_types_are_the_same_in_every_case() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    for accept in ["Application/VND.Atlas.2025-03-12+JSON", "text/html, APPLICATION/vnd.atlas.2024-08-05+json;q=1"] {
        let answer = shop.owner.send(Call::new(Method::GET, &shop.atlas_cluster()).header("accept", accept)).await;
        assert_eq!(answer.header("content-type"), "application/vnd.atlas.2024-08-05+json;charset=utf-8");
        answer.ok();
    }
}

/// Sends a form with the cookie of a browser, and with these headers.
async fn form(house: &House, cookie: &str, headers: &[(&str, &str)]) -> u16 {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut request = http.post(house.nobody().url("/settings/block")).header("cookie", cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.header("content-type", "application/x-www-form-urlencoded").body("").send().await.unwrap().status().as_u16()
}

async fn blocked(shop: &Customer) -> bool {
    let path = format!("/api/atlas/v2/orgs/{}/settings", shop.organization);
    shop.owner.get(&path).await.ok()["restrictEmployeeAccess"] == true
}

#[tokio::test]
async fn a_form_that_names_no_origin_is_not_taken() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let origin = house.nobody().url("");
    let body = format!("user_name=owner%40shop.example&password={}&next=", PASSWORD.replace(' ', "+"));
    let signed_in = http.post(house.nobody().url("/sign-in")).header("origin", &origin);
    let signed_in =
        signed_in.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    for headers in [
        &[][..],
        &[("referer", "https://elsewhere.example/")],
        &[("referer", origin.as_str())],
        &[("origin", "https://elsewhere.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        assert_eq!(form(&house, &cookie, headers).await, 403, "{headers:?}");
        assert!(!blocked(&shop).await, "{headers:?}");
    }
    assert_eq!(form(&house, &cookie, &[("sec-fetch-site", "same-origin")]).await, 303);
    assert!(blocked(&shop).await);
    assert_eq!(form(&house, &cookie, &[("origin", origin.as_str())]).await, 303);
}
