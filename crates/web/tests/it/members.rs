//! People on Atlas's paths: users, invitations, roles, and the last owner, who stays.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::client::Client;
use crate::house::{Customer, House, PASSWORD, text};

const USERS: &str = "application/vnd.atlas.2025-02-19+json;charset=utf-8";

fn users(customer: &Customer) -> String {
    format!("/api/atlas/v2/orgs/{}/users", customer.organization)
}

fn names(list: &Value) -> Vec<&str> {
    list["results"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

/// Claims with the link that came with an invitation.
async fn claim(house: &House, invited: &Value) {
    let links = invited["links"].as_array().unwrap();
    let link = links.iter().find(|link| link["rel"] == "invitation").unwrap();
    let page = text(&link["href"]);
    let token = page.strip_prefix(&house.nobody().url("/invitations/")).unwrap();
    let path = format!("/api/byleave/v1/invitations/{token}:claim");
    house.nobody().post(&path, json!({ "password": PASSWORD })).await.created();
}

#[tokio::test]
async fn a_person_is_invited_joins_and_gets_other_roles() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let assigned = json!([{ "groupId": shop.project, "groupRoles": ["GROUP_SUPPORT_ACCESS_MANAGER"] }]);
    let roles = json!({ "orgRoles": ["ORG_MEMBER"], "groupRoleAssignments": assigned });
    let body = json!({ "username": "sam+ops@shop.example", "roles": roles, "teamIds": [] });
    let answer = key.post(&users(&shop), body.clone()).await;
    assert_eq!(answer.header("content-type"), USERS);
    let invited = answer.created();
    assert_eq!((&invited["orgMembershipStatus"], &invited["roles"]), (&json!("PENDING"), &roles));
    assert_eq!(invited["inviterUsername"], key.keys().0);
    let times = (&invited["invitationCreatedAt"], &invited["invitationExpiresAt"]);
    assert_eq!(times, (&json!("2026-11-23T18:00:00Z"), &json!("2026-11-30T18:00:00Z")));
    assert_eq!((invited.get("createdAt"), &invited["teamIds"]), (None, &json!([])));

    let list = key.get(&users(&shop)).await.ok();
    assert_eq!(names(&list), ["owner@shop.example", "sam+ops@shop.example"]);
    assert_eq!(list["totalCount"], 2);
    let pending = key.get(&format!("{}?orgMembershipStatus=PENDING", users(&shop))).await.ok();
    assert_eq!(names(&pending), ["sam+ops@shop.example"]);
    assert_eq!(pending["results"][0].get("links"), None, "the token is shown once");
    let active = key.get(&format!("{}?orgMembershipStatuses=ACTIVE&itemsPerPage=1", users(&shop))).await.ok();
    assert_eq!(names(&active), ["owner@shop.example"]);
    for name in ["sam%2Bops@shop.example", "sam+ops@shop.example"] {
        assert_eq!(names(&key.get(&format!("{}?username={name}", users(&shop))).await.ok()).len(), 1);
    }
    let one = format!("{}/{}", users(&shop), text(&invited["id"]));
    assert_eq!(key.get(&one).await.ok(), pending["results"][0]);
    key.get(&format!("{one}?orgMembershipStatuses=ACTIVE")).await.refused(404, "RESOURCE_NOT_FOUND");

    let changed = key.post(&format!("{one}:addRole"), json!({ "orgRole": "ORG_READ_ONLY" })).await.ok();
    assert_eq!(changed["roles"]["orgRoles"], json!(["ORG_MEMBER", "ORG_READ_ONLY"]));
    claim(&house, &invited).await;
    let sam = house.sign_in("sam+ops@shop.example").await;
    assert_eq!(sam.get("/api/byleave/v1/session").await.ok()["roles"]["groupRoleAssignments"], assigned);
    key.get(&one).await.refused(404, "RESOURCE_NOT_FOUND");
    let list = key.get(&format!("{}?username=sam%2Bops@shop.example", users(&shop))).await.ok();
    let user = &list["results"][0];
    assert_eq!((&user["orgMembershipStatus"], user.get("inviterUsername")), (&json!("ACTIVE"), None));
    assert_eq!(user["createdAt"], "2026-11-23T18:00:00Z");
    key.post(&users(&shop), body).await.refused(409, "CONFLICT");

    let one = format!("{}/{}", users(&shop), text(&user["id"]));
    let less = key.patch(&one, json!({ "roles": { "orgRoles": ["ORG_MEMBER"] } })).await.ok();
    let expected = json!({ "orgRoles": ["ORG_MEMBER"], "groupRoleAssignments": assigned });
    assert_eq!(less["roles"], expected, "what is not named stays");
    let none = json!({ "roles": { "orgRoles": ["ORG_MEMBER"], "groupRoleAssignments": [] } });
    assert_eq!(key.patch(&one, none.clone()).await.ok()["roles"], none["roles"]);
    assert_eq!(key.patch(&one, json!({})).await.ok()["roles"], none["roles"]);
    key.post(&format!("{one}:addRole"), json!({ "orgRole": "ORG_OWNER" })).await.ok();
    let owner = key.post(&format!("{one}:removeRole"), json!({ "orgRole": "ORG_MEMBER" })).await.ok();
    assert_eq!(owner["roles"]["orgRoles"], json!(["ORG_OWNER"]));
    key.delete(&one).await.done();
    sam.get("/api/byleave/v1/session").await.refused(401, "UNEXPECTED_ERROR");
    key.delete(&one).await.refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(house.store.audit_state().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn the_last_owner_stays_on_every_path() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    // A key that is an owner does not count: nobody could sign in any more.
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let me = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
    let one = format!("{}/{me}", users(&shop));
    let own = format!("/api/byleave/v1/organizations/{}/users/{me}", shop.organization);
    let feed = format!("/api/byleave/v1/organizations/{}/events", shop.organization);
    let before = shop.owner.get(&feed).await.ok();
    for client in [&key, &shop.owner] {
        for detail in [
            client.delete(&one).await,
            client.patch(&one, json!({ "roles": { "orgRoles": ["ORG_READ_ONLY"] } })).await,
            client.delete(&own).await,
            client.patch(&own, json!({ "roles": { "orgRoles": ["ORG_READ_ONLY"] } })).await,
        ] {
            let detail = detail.refused(409, "LAST_OWNER");
            assert_eq!(detail, "an organization must keep at least one user with ORG_OWNER");
        }
        let detail = client.post(&format!("{one}:removeRole"), json!({ "orgRole": "ORG_OWNER" })).await;
        assert_eq!(detail.status, 409, "{}", detail.text);
    }
    key.post(&format!("{one}:removeRole"), json!({ "orgRole": "ORG_MEMBER" })).await.ok();
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    for (path, form) in
        [(format!("/users/{me}/remove"), vec![]), (format!("/users/{me}/roles"), vec![("role", "ORG_MEMBER")])]
    {
        let answer = browser.post(&path, &form).await;
        assert_eq!(answer.status(), 422, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("An organization must keep at least one user with ORG_OWNER."), "{page}");
    }
    assert_eq!(shop.owner.get(&feed).await.ok(), before);
    // Neither does an invitation.
    let roles = json!({ "orgRoles": ["ORG_OWNER"] });
    let invited = key.post(&users(&shop), json!({ "username": "kim@shop.example", "roles": roles })).await.created();
    key.delete(&one).await.refused(409, "LAST_OWNER");
    claim(&house, &invited).await;
    key.delete(&one).await.done();
    let kim = house.sign_in("kim@shop.example").await;
    let id = text(&kim.get("/api/byleave/v1/session").await.ok()["id"]);
    kim.delete(&format!("{}/{id}", users(&shop))).await.refused(409, "LAST_OWNER");
}

#[tokio::test]
async fn invitations_are_the_same_in_both_forms() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let invites = format!("/api/atlas/v2/orgs/{}/invites", shop.organization);
    let body = json!({
        "username": "sam@shop.example", "roles": ["ORG_MEMBER"],
        "groupRoleAssignments": [{ "groupId": shop.project, "roles": ["GROUP_OWNER", "GROUP_READ_ONLY"] }],
    });
    let made = shop.owner.post(&invites, body).await.ok();
    let flat = json!([
        { "groupId": shop.project, "groupRole": "GROUP_OWNER" },
        { "groupId": shop.project, "groupRole": "GROUP_READ_ONLY" },
    ]);
    assert_eq!((&made["groupRoleAssignments"], &made["roles"]), (&flat, &json!(["ORG_MEMBER"])));
    assert_eq!((&made["orgName"], &made["inviterUsername"]), (&json!("Shop shop"), &json!("owner@shop.example")));
    let answer = shop.owner.get(&invites).await;
    assert_eq!(answer.header("content-type"), "application/vnd.atlas.2023-01-01+json;charset=utf-8");
    let list = answer.ok();
    let one = format!("{invites}/{}", text(&made["id"]));
    assert_eq!(list, json!([shop.owner.get(&one).await.ok()]));
    assert_eq!(list[0]["links"], json!([{ "href": shop.owner.url(&one), "rel": "self" }]), "the token is shown once");
    let wrapped = shop.owner.get(&format!("{invites}?envelope=true&username=sam@shop.example")).await.ok();
    assert_eq!(wrapped, json!({ "status": 200, "content": list }));
    assert_eq!(shop.owner.get(&format!("{invites}?username=kim@shop.example")).await.ok(), json!([]));
    shop.owner.get(&format!("{invites}?username=kim")).await.refused(400, "INVALID_QUERY_PARAMETER");
    let own = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/invitations", shop.organization)).await.ok();
    assert_eq!(own["results"][0]["id"], made["id"]);
    shop.owner.delete(&one).await.done();
    for path in [&one, &format!("{}/{}", users(&shop), text(&made["id"]))] {
        shop.owner.get(path).await.refused(404, "RESOURCE_NOT_FOUND");
        shop.owner.delete(path).await.refused(404, "RESOURCE_NOT_FOUND");
    }
    let token = text(&made["links"][1]["href"]).replace(&shop.owner.url("/invitations/"), "");
    let claim = format!("/api/byleave/v1/invitations/{token}:claim");
    house.nobody().post(&claim, json!({ "password": PASSWORD })).await.refused(404, "RESOURCE_NOT_FOUND");
    let feed = shop.owner.get(&format!("/api/atlas/v2/orgs/{}/events", shop.organization)).await.ok();
    let told: Vec<_> = (0..2).map(|index| text(&feed["results"][index]["eventTypeName"])).collect();
    assert_eq!(told, ["ORG_INVITATION_DELETED", "INVITED_TO_ORG"]);
    let body = json!({ "userName": "ida@shop.example", "roles": { "orgRoles": ["ORG_MEMBER"] } });
    let own = format!("/api/byleave/v1/organizations/{}", shop.organization);
    let made = shop.owner.post(&format!("{own}/users"), body).await.created();
    let one = format!("{own}/invitations/{}", text(&made["invitationId"]));
    assert_eq!(shop.owner.delete(&one).await.ok()["anchors"][0]["log"], shop.organization);
    shop.owner.delete(&one).await.refused(404, "RESOURCE_NOT_FOUND");
    assert_eq!(shop.owner.get(&invites).await.ok(), json!([]));
    let user = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
    shop.owner.delete(&format!("{invites}/{user}")).await.refused(404, "RESOURCE_NOT_FOUND");
    house.clock.advance(301_000);
    shop.owner.get(&invites).await.ok();
    shop.owner.post(&invites, json!({})).await.refused(403, "SIGN_IN_AGAIN");
    let reader = house.key_after_sign_in(&shop, json!({ "orgRoles": ["ORG_READ_ONLY"] })).await;
    reader.get(&invites).await.refused(403, "USER_UNAUTHORIZED");
    reader.get(&users(&shop)).await.ok();
}

#[tokio::test]
async fn people_of_a_project_are_those_with_a_role_in_it() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let assigned = json!([{ "groupId": shop.project, "groupRoles": ["GROUP_READ_ONLY"] }]);
    let sam = json!({ "groupRoleAssignments": assigned });
    let sam = house.person(&shop, "sam@shop.example", sam).await;
    house.person(&shop, "max@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let roles = json!({ "orgRoles": ["ORG_MEMBER"], "groupRoleAssignments": assigned });
    shop.owner.post(&users(&shop), json!({ "username": "ida@shop.example", "roles": roles })).await.created();
    let path = format!("/api/atlas/v2/groups/{}/users", shop.project);
    let answer = sam.get(&path).await;
    assert_eq!(answer.header("content-type"), USERS);
    let list = answer.ok();
    assert_eq!(names(&list), ["ida@shop.example", "sam@shop.example"]);
    let states = (&list["results"][0]["orgMembershipStatus"], &list["results"][1]["orgMembershipStatus"]);
    assert_eq!(states, (&json!("PENDING"), &json!("ACTIVE")));
    assert_eq!(list["results"][1]["roles"], json!(["GROUP_READ_ONLY"]));
    let all = sam.get(&format!("{path}?includeOrgUsers=true&flattenTeams=true")).await.ok();
    assert_eq!(names(&all), ["ida@shop.example", "owner@shop.example", "sam@shop.example"]);
    assert_eq!(all["results"][1]["roles"], json!([]));
    let active = sam.get(&format!("{path}?orgMembershipStatuses=ACTIVE,PENDING&pageNum=2&itemsPerPage=1")).await.ok();
    assert_eq!((names(&active), &active["totalCount"]), (vec!["sam@shop.example"], &json!(2)));
    sam.get(&format!("{path}?includeOrgUsers=1")).await.refused(400, "INVALID_QUERY_PARAMETER");
    sam.get(&format!("{path}?orgMembershipStatus=GONE")).await.refused(400, "INVALID_ENUM_VALUE");
    let many = "orgMembershipStatuses=ACTIVE,ACTIVE,ACTIVE,ACTIVE,ACTIVE";
    sam.get(&format!("{path}?{many}")).await.refused(400, "INVALID_QUERY_PARAMETER");
}

#[tokio::test]
async fn roles_that_are_none_are_refused_by_name() {
    let house = House::open().await;
    let (shop, other) = (house.customer("shop").await, house.customer("other").await);
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let me = text(&shop.owner.get("/api/byleave/v1/session").await.ok()["id"]);
    let one = format!("{}/{me}", users(&shop));
    let of = |group: &str, roles: Value| json!({ "orgRoles": ["ORG_OWNER"], "groupRoleAssignments": [{ "groupId": group, "groupRoles": roles }] });
    for (roles, code, named) in [
        (json!({ "orgRoles": [] }), "VALIDATION_ERROR", "`roles.orgRoles`"),
        (json!({ "orgRoles": ["ORG_GROUP_CREATOR"] }), "INVALID_ENUM_VALUE", "ORG_GROUP_CREATOR"),
        (json!({ "orgRoles": ["GROUP_OWNER"] }), "INVALID_ENUM_VALUE", "GROUP_OWNER"),
        (json!({ "orgRoles": "ORG_OWNER" }), "INVALID_ATTRIBUTE", "`roles.orgRoles` must be a list"),
        (json!({ "orgRoles": [1] }), "INVALID_ATTRIBUTE", "`roles.orgRoles[0]`"),
        (json!({}), "MISSING_ATTRIBUTE", "`roles.orgRoles`"),
        (json!([]), "INVALID_ATTRIBUTE", "`roles` must be an object"),
        (of("x", json!(["GROUP_OWNER"])), "INVALID_GROUP_ID", "`roles.groupRoleAssignments[0].groupId`"),
        (of(&shop.project, json!([])), "VALIDATION_ERROR", "`roles.groupRoleAssignments[0].groupRoles`"),
        (of(&shop.project, json!(["GROUP_DATA_ACCESS_ADMIN"])), "INVALID_ENUM_VALUE", "GROUP_DATA_ACCESS_ADMIN"),
        (of(&other.project, json!(["GROUP_OWNER"])), "VALIDATION_ERROR", "`roles`"),
    ] {
        let detail = key.patch(&one, json!({ "roles": roles })).await.refused(400, code);
        assert!(detail.contains(named), "{detail}");
        let body = json!({ "username": "new@shop.example", "roles": roles });
        let detail = key.post(&users(&shop), body).await.refused(400, code);
        assert!(detail.contains(named), "{detail}");
    }
    for client in [&house.administrator(), &other.owner] {
        no_say(client, &shop, &one).await;
    }
    let manager = json!({ "groupRoleAssignments": [{ "groupId": shop.project, "groupRoles": ["GROUP_OWNER"] }] });
    no_say(&house.key(&shop, manager).await, &shop, &one).await;
}

/// Whoever is no owner changes nothing of people, whatever they send.
async fn no_say(client: &Client, shop: &Customer, one: &str) {
    let mut statuses = vec![
        client.post(&users(shop), json!({})).await.status,
        client.patch(one, json!({})).await.status,
        client.post(&format!("{one}:addRole"), json!({})).await.status,
        client.post(&format!("{one}:removeRole"), json!({})).await.status,
        client.delete(one).await.status,
    ];
    let invites = format!("/api/atlas/v2/orgs/{}/invites", shop.organization);
    statuses.push(client.get(&invites).await.status);
    statuses.push(client.post(&invites, json!({})).await.status);
    statuses.push(client.delete(&format!("{invites}/0123456789abcdef01234567")).await.status);
    assert!(statuses.iter().all(|status| matches!(status.as_u16(), 403 | 404)), "{statuses:?}");
}
