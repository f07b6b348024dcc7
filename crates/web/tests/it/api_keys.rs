//! API keys on Atlas's paths, access lists, and what lies in a project.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::accounts::{accounts, make, sign_in, wanted};
use crate::client::{Call, Client};
use crate::house::{Customer, House, text};

fn keys(of: &Customer) -> String {
    format!("/api/atlas/v2/orgs/{}/apiKeys", of.organization)
}

fn in_project(of: &Customer, what: &str) -> String {
    format!("/api/atlas/v2/groups/{}/{what}", of.project)
}

#[tokio::test]
async fn a_key_is_made_changed_and_removed_as_in_atlas() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let made = shop.owner.post(&keys(&shop), json!({ "desc": "ci", "roles": ["ORG_READ_ONLY"] })).await;
    assert_eq!(made.header("content-type"), "application/vnd.atlas.2023-01-01+json;charset=utf-8");
    let made = made.ok();
    let (id, public, private) = (text(&made["id"]), text(&made["publicKey"]), text(&made["privateKey"]));
    assert_eq!(made["roles"], json!([{ "orgId": shop.organization, "roleName": "ORG_READ_ONLY" }]));
    let one = format!("{}/{id}", keys(&shop));
    for shown in [shop.owner.get(&one).await, shop.owner.get(&keys(&shop)).await] {
        assert!(shown.text.contains("********-****-****-****-************") && !shown.text.contains(&private));
    }
    let key = Client::digest(house.address, &public, &private);
    key.get("/api/atlas/v2/orgs").await.ok();
    key.post(&keys(&shop), json!({})).await.refused(403, "USER_UNAUTHORIZED");
    let changed = shop.owner.patch(&one, json!({ "desc": "owner", "roles": ["ORG_OWNER"] })).await.ok();
    assert_eq!((&changed["desc"], &changed["roles"][0]["roleName"]), (&json!("owner"), &json!("ORG_OWNER")));
    key.post(&keys(&shop), json!({})).await.refused(400, "MISSING_ATTRIBUTE");
    for (body, code, named) in [
        (json!({ "desc": "x" }), "MISSING_ATTRIBUTE", "roles"),
        (json!({ "desc": "", "roles": ["ORG_OWNER"] }), "VALIDATION_ERROR", "desc"),
        (json!({ "desc": "x".repeat(251), "roles": ["ORG_OWNER"] }), "VALIDATION_ERROR", "desc"),
        (json!({ "desc": 1, "roles": ["ORG_OWNER"] }), "INVALID_ATTRIBUTE", "desc"),
        (json!({ "desc": "x", "roles": [] }), "VALIDATION_ERROR", "roles"),
        (json!({ "desc": "x", "roles": ["GROUP_OWNER"] }), "INVALID_ENUM_VALUE", "GROUP_OWNER"),
        (json!({ "desc": "x", "roles": null }), "INVALID_ATTRIBUTE", "roles"),
        (json!({ "desc": "x", "roles": ["ORG_OWNER"], "extra": 1 }), "INVALID_ATTRIBUTE", "extra"),
    ] {
        let detail = shop.owner.post(&keys(&shop), body.clone()).await.refused(400, code);
        assert!(detail.contains(named), "{body}: {detail}");
    }
    shop.owner.get(&format!("{}/XYZ", keys(&shop))).await.refused(400, "INVALID_ID");
    let unknown = "0".repeat(24);
    let detail = shop.owner.get(&format!("{}/{unknown}", keys(&shop))).await.refused(404, "API_KEY_NOT_FOUND");
    assert_eq!(detail, format!("No API Key with ID {unknown} exists."));
    let feed = shop.owner.get(&format!("/api/atlas/v2/orgs/{}/events?itemsPerPage=2", shop.organization)).await.ok();
    let names: Vec<&Value> = feed["results"].as_array().unwrap().iter().map(|event| &event["eventTypeName"]).collect();
    assert_eq!(names, ["API_KEY_ROLES_CHANGED", "API_KEY_DESCRIPTION_CHANGED"]);
    shop.owner.delete(&one).await.done();
    key.get("/api/atlas/v2/orgs").await.refused(401, "UNEXPECTED_ERROR");
    shop.owner.delete(&one).await.refused(404, "API_KEY_NOT_FOUND");
    assert_eq!(house.store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn an_access_list_lets_in_from_its_networks_only() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let made = shop.owner.post(&keys(&shop), json!({ "desc": "ci", "roles": ["ORG_OWNER"] })).await.ok();
    let list = format!("{}/{}/accessList", keys(&shop), text(&made["id"]));
    let key = Client::digest(house.address, &text(&made["publicKey"]), &text(&made["privateKey"]));
    let (id, secret) = make(&shop, "ORG_OWNER").await;
    let (account, _) = sign_in(&house, &id, &secret).await;
    let account_list = format!("{}/{id}/accessList", accounts(&shop));
    for (client, list) in [(&key, &list), (&account, &account_list)] {
        client.get("/api/atlas/v2/orgs").await.ok();
        let added =
            shop.owner.post(list, json!([{ "cidrBlock": "192.0.2.0/24" }, { "ipAddress": "2001:db8::7" }])).await.ok();
        assert_eq!((&added["totalCount"], &added["results"][1]["ipAddress"]), (&json!(2), &json!("2001:db8::7")));
        let detail = client.get("/api/atlas/v2/orgs").await.refused(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST");
        assert_eq!(detail, "IP address 127.0.0.1 is not allowed to access this resource.");
        shop.owner.post(list, json!([{ "ipAddress": "::ffff:127.0.0.1" }])).await.ok();
        client.get("/api/atlas/v2/orgs").await.ok();
        shop.owner.post(list, json!([{ "ipAddress": "127.0.0.1" }])).await.refused(409, "CONFLICT");
        shop.owner.delete(&format!("{list}/127.0.0.1")).await.done();
        shop.owner.delete(&format!("{list}/127.0.0.1")).await.refused(404, "RESOURCE_NOT_FOUND");
        client.get("/api/byleave/v1/session").await.refused(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST");
    }
    let call = crate::client::Call::new(reqwest::Method::POST, "/api/oauth/token")
        .body(format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"))
        .header("content-type", "application/x-www-form-urlencoded");
    let refused = house.nobody().send(call).await;
    assert_eq!((refused.status.as_u16(), refused.json()["error"].as_str()), (400, Some("unauthorized_client")));
    let shown = shop.owner.get(&format!("{list}/192.0.2.0%2F24")).await.ok();
    assert_eq!((&shown["cidrBlock"], shown.get("ipAddress")), (&json!("192.0.2.0/24"), None));
    shop.owner.get(&format!("{list}/192.0.2.1")).await.refused(404, "RESOURCE_NOT_FOUND");
    shop.owner.get(&format!("{list}/nonsense")).await.refused(400, "INVALID_ATTRIBUTE");
    for (body, code) in [
        (json!([]), "VALIDATION_ERROR"),
        (json!({}), "INVALID_JSON"),
        (json!([{}]), "VALIDATION_ERROR"),
        (json!([[]]), "INVALID_ATTRIBUTE"),
        (json!([{ "ipAddress": null }]), "INVALID_ATTRIBUTE"),
        (json!([{ "ipAddress": "10.0.0.0/8" }]), "VALIDATION_ERROR"),
        (json!([{ "cidrBlock": "10.0.0.1" }]), "VALIDATION_ERROR"),
        (json!([{ "cidrBlock": "10.0.0.1/8" }]), "VALIDATION_ERROR"),
        (json!([{ "cidrBlock": "10.0.0.0/33" }]), "VALIDATION_ERROR"),
        (json!([{ "cidrBlock": "10.0.0.0/8", "ipAddress": "10.0.0.1" }]), "VALIDATION_ERROR"),
        (json!([{ "comment": "x" }]), "INVALID_ATTRIBUTE"),
        (
            json!((0..200).map(|n| json!({ "ipAddress": format!("10.0.0.{n}") })).collect::<Vec<_>>()),
            "VALIDATION_ERROR",
        ),
    ] {
        shop.owner.post(&list, body).await.refused(400, code);
    }
    assert_eq!(shop.owner.get(&list).await.ok()["totalCount"], 2, "nothing changed");
    assert_eq!(house.store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_project_owner_has_a_say_in_the_project_only() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let owner = house
        .key(&shop, json!({ "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": ["GROUP_OWNER"] }] }))
        .await;
    let (org_account, _) = make(&shop, "ORG_OWNER").await;
    let made =
        owner.post(&in_project(&shop, "apiKeys"), json!({ "desc": "p", "roles": ["GROUP_READ_ONLY"] })).await.ok();
    assert_eq!(made["roles"], json!([{ "groupId": shop.project, "roleName": "GROUP_READ_ONLY" }]));
    owner
        .post(&in_project(&shop, "apiKeys"), json!({ "desc": "p", "roles": ["ORG_OWNER"] }))
        .await
        .refused(400, "INVALID_ENUM_VALUE");
    owner.post(&keys(&shop), json!({ "desc": "p", "roles": ["ORG_OWNER"] })).await.refused(403, "USER_UNAUTHORIZED");
    owner.post(&accounts(&shop), wanted("ORG_OWNER")).await.refused(403, "USER_UNAUTHORIZED");
    let key = in_project(&shop, &format!("apiKeys/{}", text(&made["id"])));
    assert_eq!(
        owner.patch(&key, json!({ "roles": ["GROUP_OWNER"] })).await.ok()["roles"][0]["roleName"],
        "GROUP_OWNER"
    );
    owner.delete(&key).await.done();
    owner.delete(&key).await.refused(404, "API_KEY_NOT_FOUND");
    shop.owner.get(&format!("{}/{}", keys(&shop), text(&made["id"]))).await.ok();
    owner.post(&key, json!([{ "roles": ["GROUP_READ_ONLY"] }])).await.done();
    owner.post(&key, json!([])).await.refused(400, "VALIDATION_ERROR");
    owner.post(&key, json!([{ "roles": [] }])).await.refused(400, "VALIDATION_ERROR");
    let listed = owner.get(&in_project(&shop, "apiKeys")).await.ok();
    let roles = listed["results"].as_array().unwrap().iter().map(|key| text(&key["roles"][0]["roleName"]));
    assert_eq!(roles.collect::<BTreeSet<_>>(), ["GROUP_OWNER", "GROUP_READ_ONLY"].map(String::from).into());

    let account =
        owner.post(&in_project(&shop, "serviceAccounts"), wanted("GROUP_SUPPORT_ACCESS_MANAGER")).await.created();
    let (id, secret) = (text(&account["clientId"]), text(&account["secrets"][0]["secret"]));
    let (client, _) = sign_in(&house, &id, &secret).await;
    client.post_nothing(&format!("{}:revokeMongoDBEmployeeAccess", shop.atlas_cluster())).await.done();
    let one = in_project(&shop, &format!("serviceAccounts/{id}"));
    assert_eq!(owner.patch(&one, json!({ "name": "other" })).await.ok()["name"], "other");
    owner.post(&format!("{one}/secrets"), json!({ "secretExpiresAfterHours": 8 })).await.created();
    let groups = shop.owner.get(&format!("{}/{id}/groups", accounts(&shop))).await.ok();
    assert_eq!(groups["results"], json!([{ "groupId": shop.project, "roles": ["GROUP_SUPPORT_ACCESS_MANAGER"] }]));
    let invite = in_project(&shop, &format!("serviceAccounts/{org_account}:invite"));
    owner.post(&invite, json!({ "roles": ["GROUP_OWNER"] })).await.refused(403, "USER_UNAUTHORIZED");
    shop.owner
        .post(&in_project(&shop, &format!("serviceAccounts/{org_account}:take")), json!({}))
        .await
        .refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(
        shop.owner.post(&invite, json!({ "roles": ["GROUP_OWNER"] })).await.ok()["roles"],
        json!(["GROUP_OWNER"])
    );
    let above = in_project(&shop, &format!("serviceAccounts/{org_account}"));
    owner.get(&above).await.ok();
    // It has a role in the project, and others above it: no secret, name or access list of it is the project owner's.
    owner
        .post(&format!("{above}/secrets"), json!({ "secretExpiresAfterHours": 8 }))
        .await
        .refused(403, "USER_UNAUTHORIZED");
    owner.patch(&above, json!({ "name": "mine" })).await.refused(403, "USER_UNAUTHORIZED");
    owner
        .post(&format!("{above}/accessList"), json!([{ "ipAddress": "192.0.2.1" }]))
        .await
        .refused(403, "USER_UNAUTHORIZED");
    assert_eq!(
        owner.patch(&above, json!({ "roles": ["GROUP_READ_ONLY"] })).await.ok()["roles"],
        json!(["GROUP_READ_ONLY"])
    );
    owner.delete(&above).await.done();
    shop.owner.get(&above).await.refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(shop.owner.get(&format!("{}/{org_account}", accounts(&shop))).await.ok()["roles"], json!(["ORG_OWNER"]));
    let other = house.customer("other").await;
    other.owner.get(&in_project(&shop, "apiKeys")).await.refused(404, "GROUP_NOT_FOUND");
    other
        .owner
        .post(&in_project(&other, &format!("serviceAccounts/{id}:invite")), json!({}))
        .await
        .refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(house.store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

/// Makes every access list unreadable, as only a damaged store can be.
fn spoil_access_lists(house: &House) {
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                  c.execute(\"UPDATE networks SET network = 'x'\")\nc.commit()\n";
    let database = house.dir.path().join("byleave.db");
    assert!(std::process::Command::new("python3").args(["-c", script]).arg(database).status().unwrap().success());
}

#[tokio::test]
async fn an_access_list_is_read_for_nobody_whose_credentials_are_wrong() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let own = format!("/api/atlas/v2/orgs/{}", shop.organization);
    let made = shop.owner.post(&format!("{own}/apiKeys"), json!({ "desc": "a", "roles": ["ORG_MEMBER"] })).await.ok();
    let list = format!("{own}/apiKeys/{}/accessList", text(&made["id"]));
    shop.owner.post(&list, json!([{ "ipAddress": "127.0.0.1" }])).await.succeeds();
    let body = json!({ "name": "a", "description": "b", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
    let account = shop.owner.post(&format!("{own}/serviceAccounts"), body).await.created();
    let id = text(&account["clientId"]);
    let list = format!("{own}/serviceAccounts/{id}/accessList");
    shop.owner.post(&list, json!([{ "ipAddress": "127.0.0.1" }])).await.succeeds();
    spoil_access_lists(&house);
    let token = async |secret: &str| {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let call = Call::new(Method::POST, "/api/oauth/token").body(form);
        house.nobody().send(call.header("content-type", "application/x-www-form-urlencoded")).await.status
    };
    let key = Client::digest(house.address, &text(&made["publicKey"]), "wrong");
    key.get(&own).await.refused(401, "UNEXPECTED_ERROR");
    assert_eq!(token("wrong").await, 401);
}
