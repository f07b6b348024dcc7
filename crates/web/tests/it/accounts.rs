//! Service accounts and their tokens, over real HTTP.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House, text};

/// The service accounts of a customer's organization.
pub(crate) fn accounts(of: &Customer) -> String {
    format!("/api/atlas/v2/orgs/{}/serviceAccounts", of.organization)
}

pub(crate) fn wanted(role: &str) -> Value {
    json!({ "name": "deploy", "description": "for the pipeline", "roles": [role], "secretExpiresAfterHours": 8 })
}

/// Makes a service account: its client id and its secret.
pub(crate) async fn make(of: &Customer, role: &str) -> (String, String) {
    let made = of.owner.post(&accounts(of), wanted(role)).await.created();
    (text(&made["clientId"]), text(&made["secrets"][0]["secret"]))
}

fn form(path: &str, body: &str) -> Call {
    Call::new(Method::POST, path).body(body).header("content-type", "application/x-www-form-urlencoded")
}

fn basic(call: Call, id: &str, secret: &str) -> Call {
    call.header("authorization", &format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))))
}

async fn ask(house: &House, id: &str, secret: &str) -> Answer {
    house.nobody().send(basic(form("/api/oauth/token", "grant_type=client_credentials"), id, secret)).await
}

/// Signs a service account in: a client with an access token.
pub(crate) async fn sign_in(house: &House, id: &str, secret: &str) -> (Client, String) {
    let answer = ask(house, id, secret).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let token = answer.ok();
    assert_eq!((&token["expires_in"], &token["token_type"]), (&json!(3600), &json!("Bearer")));
    let token = text(&token["access_token"]);
    (Client::bearer(house.address, &token), token)
}

/// An error in the words of the RFC.
#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert_eq!(answer.json()["error"], error, "{}", answer.text);
    assert!(answer.json()["error_description"].is_string());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("www-authenticate").starts_with("Basic realm="), status == 401);
}

#[tokio::test]
async fn a_service_account_signs_in_and_does_what_its_roles_allow() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let made = shop.owner.post(&accounts(&shop), wanted("ORG_OWNER")).await;
    assert_eq!(made.header("content-type"), "application/vnd.atlas.2024-08-05+json;charset=utf-8");
    let made = made.created();
    let (id, secret) = (text(&made["clientId"]), text(&made["secrets"][0]["secret"]));
    let digits = id.strip_prefix("mdb_sa_id_").unwrap();
    assert!(digits.len() == 24 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
    assert!(secret.starts_with("mdb_sa_sk_") && secret.len() == 74, "{}", secret.len());
    assert!(secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    assert_eq!(made["roles"], json!(["ORG_OWNER"]));
    assert_eq!(
        (&made["createdAt"], &made["secrets"][0]["expiresAt"]),
        (&json!("2026-11-23T18:00:00Z"), &json!("2026-11-24T02:00:00Z"))
    );
    let shown = shop.owner.get(&format!("{}/{id}", accounts(&shop))).await;
    assert!(!shown.text.contains(&secret));
    let shown = shown.ok();
    assert_eq!(shown["secrets"][0].get("secret"), None);
    assert!(text(&shown["secrets"][0]["maskedSecretValue"]).ends_with(secret.get(70..).unwrap()));

    let (client, _) = sign_in(&house, &id, &secret).await;
    let me = client.get("/api/byleave/v1/session").await.ok();
    assert_eq!(
        (&me["kind"], &me["id"], &me["orgId"]),
        (&json!("serviceAccount"), &json!(id), &json!(shop.organization))
    );
    let grant = json!({ "expirationTime": "2026-11-24T06:00:00Z", "grantType": "CLUSTER_INFRASTRUCTURE" });
    client.post(&format!("{}:grantMongoDBEmployeeAccess", shop.atlas_cluster()), grant).await.done();
    client.post_nothing(&format!("{}:revokeMongoDBEmployeeAccess", shop.atlas_cluster())).await.done();
    let feed = client.get(&format!("/api/atlas/v2/groups/{}/events", shop.project)).await.ok();
    assert_eq!(
        (&feed["results"][0]["eventTypeName"], &feed["results"][0]["username"]),
        (&json!("EMPLOYEE_ACCESS_REVOKED"), &json!(id))
    );
    let own = client.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    assert_eq!(own["results"][0]["by"], json!(format!("service-account:{digits}")));
    let used = shop.owner.get(&format!("{}/{id}", accounts(&shop))).await.ok();
    assert_eq!(used["secrets"][0]["lastUsedAt"], "2026-11-23T18:00:00Z");
    let (reader, secret) = make(&shop, "ORG_READ_ONLY").await;
    let (reader, _) = sign_in(&house, &reader, &secret).await;
    reader.post(&accounts(&shop), wanted("ORG_OWNER")).await.refused(403, "USER_UNAUTHORIZED");
    assert_eq!(house.store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn the_token_endpoint_takes_what_clients_send_and_answers_in_the_words_of_the_rfc() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (id, secret) = make(&shop, "ORG_MEMBER").await;
    let nobody = house.nobody();
    let token = "/api/oauth/token";
    let grant = "grant_type=client_credentials";
    let in_form = format!("{grant}&client_id={id}&client_secret={secret}");
    nobody.send(form(token, &in_form)).await.ok();
    nobody
        .send(form(token, &in_form).header("content-type", "application/x-www-form-urlencoded; charset=UTF-8"))
        .await
        .ok();
    nobody.send(basic(form(token, &format!("{grant}&client_id={id}&scope=")), &id, &secret)).await.ok();
    nobody.send(basic(form(token, grant), &id.replace('_', "%5F"), &secret.replace('_', "%5f"))).await.ok();

    let wrong = format!("mdb_sa_sk_{}", "0".repeat(64));
    let unknown = format!("mdb_sa_id_{}", "0".repeat(24));
    for (id, secret) in [
        (&*id, &*wrong),
        (&*unknown, &*secret),
        (&*id, ""),
        ("", &*secret),
        (&*id, secret.get(..73).unwrap()),
        ("x", "y"),
    ] {
        refused(&ask(&house, id, secret).await, 401, "invalid_client");
        refused(
            &nobody.send(form(token, &format!("{grant}&client_id={id}&client_secret={secret}"))).await,
            401,
            "invalid_client",
        );
    }
    let with = |value: &str| form(token, grant).header("authorization", value);
    for bad in ["Basic", "Basic !", "Basic eA==", "Bearer x", "", "Basic /w=="] {
        refused(&nobody.send(with(bad)).await, 401, "invalid_client");
    }
    refused(&nobody.send(form(token, grant)).await, 401, "invalid_client");
    for (body, error) in [
        ("".to_owned(), "invalid_request"),
        ("grant_type=".to_owned(), "unsupported_grant_type"),
        ("grant_type=password".to_owned(), "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x".to_owned(), "unsupported_grant_type"),
        (format!("{grant}&{grant}"), "invalid_request"),
        (format!("{grant}&scope=openid"), "invalid_scope"),
        (format!("{grant}&client_id={unknown}"), "invalid_request"),
        (format!("{grant}&client_secret={secret}"), "invalid_request"),
        (format!("{grant}&client_id={id}&client_id={id}"), "invalid_request"),
        (format!("{grant}&x=%ff"), "invalid_request"),
    ] {
        refused(&nobody.send(basic(form(token, &body), &id, &secret)).await, 400, error);
    }
    let json = basic(form(token, "{}"), &id, &secret).header("content-type", "application/json");
    nobody.send(json).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let large = basic(form(token, &"x".repeat(2 * 1024 * 1024)), &id, &secret);
    nobody.send(large).await.refused(413, "PAYLOAD_TOO_LARGE");
    nobody.get(token).await.refused(401, "UNEXPECTED_ERROR");
    house.clock.advance(8 * 3_600_000 - 1);
    let short = ask(&house, &id, &secret).await.ok();
    assert_eq!(short["expires_in"], 1, "a token never outlives its secret");
    house.clock.advance(1);
    refused(&ask(&house, &id, &secret).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_token_ends_after_an_hour_and_at_once_with_whatever_it_rests_on() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let one = |id: &str| format!("{}/{id}", accounts(&shop));
    let works = async |client: &Client| client.get("/api/atlas/v2/orgs").await.status.as_u16() == 200;
    let (id, secret) = make(&shop, "ORG_MEMBER").await;
    let (other, other_secret) = make(&shop, "ORG_MEMBER").await;
    let (client, token) = sign_in(&house, &id, &secret).await;
    let (second, _) = sign_in(&house, &id, &secret).await;
    let revoke = |token: &str| form("/api/oauth/revoke", &format!("token={token}&token_type_hint=access_token"));
    let nobody = house.nobody();
    let done = nobody.send(basic(revoke(&token), &other, &other_secret)).await;
    assert_eq!((done.status.as_u16(), done.text.as_str()), (200, ""), "an unknown token is no matter");
    assert!(works(&client).await, "and nobody revokes another's");
    refused(&nobody.send(basic(revoke(&token), &id, "wrong")).await, 401, "invalid_client");
    refused(&nobody.send(basic(form("/api/oauth/revoke", ""), &id, &secret)).await, 400, "invalid_request");
    assert_eq!(nobody.send(basic(revoke(&token), &id, &secret)).await.status.as_u16(), 200);
    client.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    assert!(works(&second).await);

    let made = shop.owner.post(&format!("{}/secrets", one(&id)), json!({ "secretExpiresAfterHours": 24 })).await;
    assert_eq!(made.header("content-type"), "application/vnd.atlas.2024-08-05+json;charset=utf-8");
    let made = made.created();
    let (third, _) = sign_in(&house, &id, &text(&made["secret"])).await;
    let full = shop.owner.post(&format!("{}/secrets", one(&id)), json!({ "secretExpiresAfterHours": 24 })).await;
    assert!(full.refused(400, "VALIDATION_ERROR").contains("at most 2"));
    shop.owner
        .delete(&format!("{}/secrets/{}", one(&other), text(&made["id"])))
        .await
        .refused(404, "RESOURCE_NOT_FOUND");
    shop.owner.delete(&format!("{}/secrets/{}", one(&id), text(&made["id"]))).await.done();
    third.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    refused(&ask(&house, &id, &text(&made["secret"])).await, 401, "invalid_client");
    assert!(works(&second).await, "the other secret's token stands");
    shop.owner.delete(&one(&id)).await.done();
    second.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    refused(&ask(&house, &id, &secret).await, 401, "invalid_client");
    shop.owner.delete(&one(&id)).await.refused(404, "RESOURCE_NOT_FOUND");

    let (last, _) = sign_in(&house, &other, &other_secret).await;
    house.clock.advance(3_600_000 - 1);
    assert!(works(&last).await);
    house.clock.advance(1);
    last.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    for forged in ["mdb_sa_at_", &format!("mdb_sa_at_{}", "0".repeat(64))] {
        Client::bearer(house.address, forged).get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    }
    assert_eq!(house.store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn roles_that_were_changed_hold_at_the_next_request() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (id, secret) = make(&shop, "ORG_OWNER").await;
    let (client, _) = sign_in(&house, &id, &secret).await;
    client.post(&accounts(&shop), wanted("ORG_MEMBER")).await.created();
    let one = format!("{}/{id}", accounts(&shop));
    let changed = shop.owner.patch(&one, json!({ "roles": ["ORG_READ_ONLY"], "name": "read only" })).await.ok();
    assert_eq!((&changed["roles"], &changed["name"]), (&json!(["ORG_READ_ONLY"]), &json!("read only")));
    client.post(&accounts(&shop), wanted("ORG_MEMBER")).await.refused(403, "USER_UNAUTHORIZED");
    client.patch(&one, json!({ "roles": ["ORG_OWNER"] })).await.refused(403, "USER_UNAUTHORIZED");
    assert_eq!(shop.owner.patch(&one, json!({})).await.ok()["roles"], json!(["ORG_READ_ONLY"]));
}

#[tokio::test]
async fn lists_come_in_pages_and_every_wrong_field_is_named() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = accounts(&shop);
    let (id, _) = make(&shop, "ORG_MEMBER").await;
    make(&shop, "ORG_MEMBER").await;
    let page =
        shop.owner.get(&format!("{path}?itemsPerPage=1&pageNum=2&includeSystemManaged=true&pretty=true")).await.ok();
    assert_eq!((page["totalCount"].as_u64(), page["results"].as_array().unwrap().len()), (Some(2), 1));
    let rels: Vec<&str> = page["links"].as_array().unwrap().iter().map(|link| link["rel"].as_str().unwrap()).collect();
    assert_eq!(rels, ["self", "previous"]);
    let page = shop.owner.get(&format!("{path}?includeCount=false&envelope=true")).await.ok();
    assert_eq!((&page["status"], page.get("totalCount")), (&json!(200), None));
    let one = shop.owner.get(&format!("{path}/{id}?envelope=true")).await.ok();
    assert_eq!((&one["status"], &one["content"]["clientId"]), (&json!(200), &json!(id)));
    shop.owner.get(&format!("{path}?includeSystemManaged=1")).await.refused(400, "INVALID_QUERY_PARAMETER");

    let without = |field: &str| {
        let mut body = wanted("ORG_MEMBER");
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let with = |field: &str, value: Value| {
        let mut body = wanted("ORG_MEMBER");
        body[field] = value;
        body
    };
    let mut cases = vec![
        (json!({}), "MISSING_ATTRIBUTE", "description"),
        (with("colour", json!(1)), "INVALID_ATTRIBUTE", "colour"),
        (with("roles", json!([])), "VALIDATION_ERROR", "roles"),
        (with("roles", json!(["GROUP_OWNER"])), "INVALID_ENUM_VALUE", "GROUP_OWNER"),
        (with("roles", json!(["ORG_BILLING_ADMIN"])), "INVALID_ENUM_VALUE", "ORG_BILLING_ADMIN"),
        (with("roles", json!(["ORG_MEMBER", 5])), "INVALID_ATTRIBUTE", "roles[1]"),
        (with("roles", json!("ORG_MEMBER")), "INVALID_ATTRIBUTE", "roles"),
    ];
    for field in ["description", "name", "roles", "secretExpiresAfterHours"] {
        cases.push((without(field), "MISSING_ATTRIBUTE", field));
        cases.push((with(field, Value::Null), "INVALID_ATTRIBUTE", field));
        cases.push((with(field, json!({})), "INVALID_ATTRIBUTE", field));
    }
    for bad in ["", " x", "a\u{0}", "a<b", "a\u{202e}b", &"x".repeat(251)] {
        cases.push((with("description", json!(bad)), "VALIDATION_ERROR", "description"));
        cases.push((with("name", json!(bad)), "VALIDATION_ERROR", "name"));
    }
    cases.push((with("name", json!("x".repeat(65))), "VALIDATION_ERROR", "name"));
    for bad in [json!(7), json!(8761), json!(-8), json!(0)] {
        cases.push((with("secretExpiresAfterHours", bad), "VALIDATION_ERROR", "secretExpiresAfterHours"));
    }
    for bad in [json!(8.5), json!("8"), json!(1e30)] {
        cases.push((with("secretExpiresAfterHours", bad), "INVALID_ATTRIBUTE", "secretExpiresAfterHours"));
    }
    for (body, code, named) in cases {
        let detail = shop.owner.post(&path, body.clone()).await.refused(400, code);
        assert!(detail.contains(named), "{body}: {detail}");
    }
    for (body, code, named) in [
        (json!({ "name": null }), "INVALID_ATTRIBUTE", "name"),
        (json!({ "roles": [] }), "VALIDATION_ERROR", "roles"),
        (json!({ "secretExpiresAfterHours": 8 }), "INVALID_ATTRIBUTE", "secretExpiresAfterHours"),
        (json!({ "description": "" }), "VALIDATION_ERROR", "description"),
    ] {
        let detail = shop.owner.patch(&format!("{path}/{id}"), body.clone()).await.refused(400, code);
        assert!(detail.contains(named), "{body}: {detail}");
    }
    for bad in ["x", "mdb_sa_id_", &id.to_uppercase(), &format!("{id}0"), id.get(10..).unwrap(), "mdb_sa_id_%2e%2e"] {
        shop.owner.get(&format!("{path}/{bad}")).await.refused(400, "INVALID_ID");
        shop.owner.delete(&format!("{path}/{bad}")).await.refused(400, "INVALID_ID");
    }
    let unknown = format!("{path}/mdb_sa_id_{}", "0".repeat(24));
    shop.owner.get(&unknown).await.refused(404, "RESOURCE_NOT_FOUND");
    shop.owner.patch(&unknown, json!({})).await.refused(404, "RESOURCE_NOT_FOUND");
    shop.owner.post(&format!("{unknown}/secrets"), json!({})).await.refused(404, "RESOURCE_NOT_FOUND");
    shop.owner.delete(&format!("{path}/{id}/secrets/XYZ")).await.refused(400, "INVALID_ID");
    let total = shop.owner.get(&path).await.ok()["totalCount"].as_u64();
    assert_eq!(total, Some(2), "nothing changed");
    let other = house.customer("other").await;
    other.owner.get(&path).await.refused(404, "ORG_NOT_FOUND");
    other.owner.get(&format!("{}/{id}", accounts(&other))).await.refused(404, "RESOURCE_NOT_FOUND");
    other.owner.delete(&format!("{}/{id}", accounts(&other))).await.refused(404, "RESOURCE_NOT_FOUND");
}
