//! Access requests: what customers see of what employees ask, and how they answer, by call and on the pages.

use byleave_core::grant::GrantType;
use byleave_core::id::{EmployeeId, EmployeeKeyId, SessionId};
use byleave_core::request::{WAITS_FOR, Wish};
use byleave_core::time::Clock;
use byleave_store::request::{Ask, HandBack};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::house::{Customer, House, PASSWORD, Told, public_key, text};

/// An employee who asks.
pub(crate) struct Asker {
    employee: EmployeeId,
    key: EmployeeKeyId,
}

impl Asker {
    pub(crate) async fn new(house: &House, name: &str) -> Self {
        let (employee, key) = house.employee(name, &public_key(name)).await;
        Self { employee, key }
    }

    /// Asks for four hours of infrastructure, as the gateway does for them.
    pub(crate) async fn ask(&self, house: &House, shop: &Customer) -> String {
        self.ask_for(house, shop, GrantType::Infrastructure).await
    }

    /// The same for something else.
    async fn ask_for(&self, house: &House, shop: &Customer, kind: GrantType) -> String {
        let wish = Wish {
            kind,
            ttl: "4h".parse().unwrap(),
            case: Some("00042".parse().unwrap()),
            reason: "it <b>does not</b> answer".parse().unwrap(),
        };
        let ask = Ask { employee: self.employee, key: self.key, host: shop.host.parse().unwrap(), wish };
        house.store.make_request(&house.clock.read(), ask).await.unwrap();
        let list = format!("/api/byleave/v1/groups/{}/requests?waiting=true", shop.project);
        text(&shop.owner.get(&list).await.ok()["results"][0]["id"])
    }

    async fn hand_back(&self, house: &House, shop: &Customer) {
        let session = SessionId::from_bytes([0xee; 12]);
        let back = HandBack { employee: self.employee, key: self.key, host: shop.host.parse().unwrap(), session };
        house.store.hand_back(&house.clock.read(), back).await.unwrap();
    }
}

async fn scene() -> (House, Customer, Asker) {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let kim = Asker::new(&house, "Kim").await;
    (house, shop, kim)
}

#[tokio::test]
async fn a_customer_approves_what_is_asked_or_less() {
    let (house, shop, kim) = scene().await;
    let id = kim.ask(&house, &shop).await;
    let path = format!("/api/byleave/v1/requests/{id}");
    let shown = shop.owner.get(&path).await.ok();
    assert_eq!((&shown["status"], &shown["clusterName"]), (&json!("waiting"), &json!("Cluster0")));
    assert_eq!((&shown["grantType"], &shown["durationMs"]), (&json!("CLUSTER_INFRASTRUCTURE"), &json!(4 * 3_600_000)));
    assert!(text(&shown["employeeIdentifier"]).starts_with("acme-employee-"), "{shown}");
    assert!(!shown.to_string().contains("Kim"), "never a name: {shown}");
    let body = json!({ "duration": "1h30m", "grantType": "CLUSTER_DATABASE_LOGS" });
    let granted = shop.owner.post(&format!("{path}:approve"), body).await.created();
    assert_eq!(granted["grant"]["grantType"], "CLUSTER_DATABASE_LOGS");
    assert_eq!((&granted["grant"]["remainingMs"], &granted["grant"]["case"]), (&json!(5_400_000), &json!("00042")));
    assert_eq!(granted["anchors"].as_array().unwrap().len(), 1);
    let shown = shop.owner.get(&path).await.ok();
    assert_eq!((&shown["status"], &shown["grantId"]), (&json!("approved"), &granted["grant"]["id"]));
    assert!(text(&shown["answeredBy"]).starts_with("user:"), "{shown}");
    for verb in ["approve", "decline"] {
        shop.owner.post(&format!("{path}:{verb}"), json!({})).await.refused(409, "CONFLICT");
    }
    let id = kim.ask(&house, &shop).await;
    let whole = shop.owner.post_nothing(&format!("/api/byleave/v1/requests/{id}:approve")).await.created();
    assert_eq!(whole["grant"]["remainingMs"], 4 * 3_600_000);
    let waiting = format!("/api/byleave/v1/organizations/{}/requests", shop.organization);
    assert_eq!(shop.owner.get(&format!("{waiting}?waiting=true")).await.ok()["results"], json!([]));
    assert_eq!(shop.owner.get(&waiting).await.ok()["results"].as_array().unwrap().len(), 2);
    let detail = shop.owner.get(&format!("{waiting}?waiting=maybe")).await.refused(400, "INVALID_QUERY_PARAMETER");
    assert!(detail.contains("must be true or false"), "{detail}");
}

#[tokio::test]
async fn a_customer_declines_and_a_request_dies() {
    let (house, shop, kim) = scene().await;
    let id = kim.ask(&house, &shop).await;
    let path = format!("/api/byleave/v1/requests/{id}");
    let declined = shop.owner.post(&format!("{path}:decline"), json!({ "reason": "not this week" })).await.ok();
    assert_eq!(
        (&declined["request"]["status"], &declined["request"]["answer"]),
        (&json!("declined"), &json!("not this week"))
    );
    let id = kim.ask(&house, &shop).await;
    house.clock.advance(WAITS_FOR);
    let owner = house.sign_in("owner@shop.example").await;
    let path = format!("/api/byleave/v1/requests/{id}");
    assert_eq!(owner.get(&path).await.ok()["status"], "died");
    for verb in ["approve", "decline"] {
        owner.post(&format!("{path}:{verb}"), json!({})).await.refused(409, "CONFLICT");
    }
    let cluster = owner.get(&shop.own_cluster()).await.ok();
    assert_eq!(cluster.get("grant"), None);
}

#[tokio::test]
async fn approving_asks_for_the_password_and_declining_never_does() {
    let (house, shop, kim) = scene().await;
    let path = format!("/api/byleave/v1/requests/{}", kim.ask(&house, &shop).await);
    house.clock.advance(6 * 60_000);
    shop.owner.post(&format!("{path}:approve"), json!({})).await.refused(403, "SIGN_IN_AGAIN");
    shop.owner.post(&format!("{path}:decline"), json!({})).await.ok();
}

#[tokio::test]
async fn every_field_of_an_answer_is_refused_by_name() {
    let (house, shop, kim) = scene().await;
    let path = format!("/api/byleave/v1/requests/{}", kim.ask(&house, &shop).await);
    let long = "x".repeat(501);
    let cases: Vec<(&str, Value, &str, &str)> = vec![
        ("approve", json!({ "duration": "soon" }), "VALIDATION_ERROR", "duration"),
        ("approve", json!({ "duration": "0s" }), "VALIDATION_ERROR", "duration"),
        ("approve", json!({ "duration": "25h" }), "VALIDATION_ERROR", "duration"),
        ("approve", json!({ "duration": "5h" }), "VALIDATION_ERROR", "duration"),
        ("approve", json!({ "duration": "" }), "VALIDATION_ERROR", "duration"),
        ("approve", json!({ "duration": 4 }), "INVALID_ATTRIBUTE", "duration"),
        ("approve", json!({ "duration": null }), "INVALID_ATTRIBUTE", "duration"),
        ("approve", json!({ "grantType": "EVERYTHING" }), "INVALID_ENUM_VALUE", "grantType"),
        ("approve", json!({ "grantType": true }), "INVALID_ATTRIBUTE", "grantType"),
        (
            "approve",
            json!({ "grantType": "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA" }),
            "VALIDATION_ERROR",
            "grantType",
        ),
        ("approve", json!({ "reason": "x" }), "INVALID_ATTRIBUTE", "reason"),
        ("decline", json!({ "reason": "" }), "VALIDATION_ERROR", "reason"),
        ("decline", json!({ "reason": long }), "VALIDATION_ERROR", "reason"),
        ("decline", json!({ "reason": "a\u{202e}b" }), "VALIDATION_ERROR", "reason"),
        ("decline", json!({ "reason": [] }), "INVALID_ATTRIBUTE", "reason"),
        ("decline", json!({ "duration": "1h" }), "INVALID_ATTRIBUTE", "duration"),
    ];
    for (verb, body, code, field) in cases {
        let answer = shop.owner.post(&format!("{path}:{verb}"), body.clone()).await;
        let said = answer.json();
        assert_eq!(said["badRequestDetail"]["fields"][0]["field"], field, "{verb} {body}: {said}");
        answer.refused(400, code);
    }
    for verb in ["x", "Approve", "approve%20", ""] {
        shop.owner.post(&format!("{path}:{verb}"), json!({})).await.refused(404, "RESOURCE_NOT_FOUND");
    }
    for id in ["x", "0123456789abcdef0123456", "%00"] {
        shop.owner.get(&format!("/api/byleave/v1/requests/{id}")).await.refused(400, "INVALID_ID");
    }
    assert_eq!(shop.owner.get(&path).await.ok()["status"], "waiting");
}

/// The grant with which a credential reached the door since this was asked last, if one did.
fn supplied(house: &House) -> Option<String> {
    house.door.take().into_iter().fold(None, |kept, told| match told {
        Told::Supplied(grant) => Some(grant.to_string()),
        Told::Forgot(grant) => kept.filter(|kept| *kept != grant.to_string()),
        Told::Cut(_) | Told::End(..) | Told::EndEmployee(_) | Told::EndKey(_) | Told::Unlatch(_) => kept,
    })
}

#[tokio::test]
async fn a_credential_of_the_customers_own_comes_with_the_approval_of_sync_data_only_and_is_never_shown() {
    let (house, shop, kim) = scene().await;
    let credential = json!({ "user": "gateway", "password": "a very secret word" });
    let path = format!("/api/byleave/v1/requests/{}:approve", kim.ask(&house, &shop).await);
    let body = json!({ "syncCredential": credential });
    let detail = shop.owner.post(&path, body.clone()).await.refused(400, "VALIDATION_ERROR");
    assert!(
        detail.contains("syncCredential") && !detail.contains("secret"),
        "it asks for the infrastructure: {detail}"
    );
    let id = kim.ask_for(&house, &shop, GrantType::InfrastructureAndSyncData).await;
    let path = format!("/api/byleave/v1/requests/{id}:approve");
    let less = json!({ "grantType": "CLUSTER_INFRASTRUCTURE", "syncCredential": credential });
    shop.owner.post(&path, less).await.refused(400, "VALIDATION_ERROR");
    for half in [json!({ "user": "gateway" }), json!({ "password": "a very secret word" }), json!({})] {
        let answer = shop.owner.post(&path, json!({ "syncCredential": half })).await;
        let detail = answer.refused(400, "VALIDATION_ERROR");
        assert!(detail.contains("syncCredential.") && !detail.contains("secret"), "{detail}");
    }
    // Whether they may approve is decided before anything of it is looked at.
    let reader = house.person(&shop, "ro@shop.example", json!({ "orgRoles": ["ORG_READ_ONLY"] })).await;
    reader.post(&path, json!({ "syncCredential": {} })).await.is(403);
    reader.post(&path, body.clone()).await.is(403);
    assert_eq!(supplied(&house), None, "nothing was granted");
    let given = shop.owner.post(&path, body.clone()).await.created();
    assert_eq!(supplied(&house).as_deref(), given["grant"]["id"].as_str());
    shop.owner.post(&path, body).await.refused(409, "CONFLICT");
    assert_eq!(supplied(&house), None, "what was answered takes nothing more");
    let request = shop.owner.get(&format!("/api/byleave/v1/requests/{id}")).await.ok();
    let events = shop.owner.get(&format!("/api/byleave/v1/organizations/{}/events", shop.organization)).await.ok();
    for told in [given, request, events] {
        assert!(!told.to_string().contains("secret"), "{told}");
    }
}

#[tokio::test]
async fn the_dialogue_that_approves_sync_data_takes_a_credential_and_never_shows_it() {
    const SYNC: &str = "CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA";
    let (house, shop, kim) = scene().await;
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    let page = async |path: &str| browser.get(path).await.text().await.unwrap();
    let other = page(&format!("/requests/{}/approve", kim.ask(&house, &shop).await)).await;
    assert!(!other.contains("sync-password"), "without sync data there is nothing to sign in to");
    let id = kim.ask_for(&house, &shop, GrantType::InfrastructureAndSyncData).await;
    let approve = format!("/requests/{id}/approve");
    let dialogue = page(&approve).await;
    for name in ["sync-user", "sync-password", "sync-pem"] {
        assert!(dialogue.contains(&format!("name=\"{name}\"")), "{name}: {dialogue}");
    }
    let form = |duration: &'static str, kind: &'static str, user: &'static str| {
        let secret = [("sync-user", user), ("sync-password", "a very secret word")];
        [vec![("duration", duration), ("kind", kind), ("password", PASSWORD)], secret.to_vec()].concat()
    };
    for (duration, user) in [("5h", "support"), ("2h", "")] {
        let refused = browser.post(&approve, &form(duration, SYNC, user)).await;
        assert_eq!(refused.status(), 422, "{duration} {user}");
        assert!(!refused.text().await.unwrap().contains("very secret"), "it is shown again");
    }
    assert_eq!(supplied(&house), None, "nothing was granted");
    assert_eq!(browser.post(&approve, &form("2h", SYNC, "support")).await.status(), 303);
    assert!(supplied(&house).is_some());
    assert!(!page("/activity").await.contains("very secret"));
    // Less was granted: it would open nothing.
    let id = kim.ask_for(&house, &shop, GrantType::InfrastructureAndSyncData).await;
    let less = form("2h", "CLUSTER_INFRASTRUCTURE", "support");
    assert_eq!(browser.post(&format!("/requests/{id}/approve"), &less).await.status(), 303);
    assert_eq!(supplied(&house), None);
}

#[tokio::test]
async fn the_pages_show_a_request_and_take_an_answer() {
    let (house, shop, kim) = scene().await;
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    let page = async |path: &str| browser.get(path).await.text().await.unwrap();
    let cluster = format!("/projects/{}/clusters/{}", shop.project, shop.cluster);
    assert!(!page("/clusters").await.contains("support asks for access"));
    let id = kim.ask(&house, &shop).await;
    for place in ["/clusters", cluster.as_str()] {
        let shown = page(place).await;
        assert!(shown.contains("Acme support asks for access"), "{place}");
        assert!(shown.contains("it &lt;b&gt;does not&lt;/b&gt; answer") && shown.contains("case 00042"), "{place}");
        assert!(shown.contains(&format!("/requests/{id}/approve")), "{place}");
    }
    let dialogue = page(&format!("/requests/{id}/approve")).await;
    assert!(dialogue.contains("name=\"duration\" type=\"text\" value=\"4h\""), "{dialogue}");
    assert!(dialogue.contains("value=\"CLUSTER_INFRASTRUCTURE\" required checked"), "{dialogue}");
    assert!(!dialogue.contains("SYNC_DATA"), "no more than was asked is offered");
    house.clock.advance(6 * 60_000);
    let approve = format!("/requests/{id}/approve");
    let form = |duration: &'static str, password: &'static str| {
        [("duration", duration), ("kind", "CLUSTER_INFRASTRUCTURE"), ("password", password)]
    };
    let asked = browser.post(&approve, &form("2h", "")).await;
    assert_eq!(asked.status(), 422, "a sign-in that is not fresh needs the password");
    let longer = browser.post(&approve, &form("5h", PASSWORD)).await;
    assert_eq!(longer.status(), 422);
    assert!(
        longer.text().await.unwrap().contains("The duration must be at most 4h, which is what the request asks for.")
    );
    assert_eq!(browser.post(&approve, &form("2h", PASSWORD)).await.status(), 303);
    let shown = page(&cluster).await;
    assert!(shown.contains("Open to support") && shown.contains("approved an access request for"), "{shown}");
    assert!(!shown.contains("support asks for access") && !shown.contains("Support handed back"));
    assert_eq!(browser.post(&approve, &form("2h", PASSWORD)).await.status(), 409, "it was answered");

    kim.hand_back(&house, &shop).await;
    let shown = page(&cluster).await;
    assert!(shown.contains("Support handed back") && shown.contains("revoke-handed-back"), "{shown}");
    assert_eq!(browser.post(&format!("{cluster}/revoke"), &[]).await.status(), 303, "one click");
    assert!(!page(&cluster).await.contains("Support handed back"));

    let id = kim.ask(&house, &shop).await;
    house.clock.advance(6 * 60_000);
    let decline = format!("/requests/{id}/decline");
    assert_eq!(browser.post(&decline, &[("reason", &"x".repeat(501))]).await.status(), 422);
    assert_eq!(browser.post(&decline, &[("reason", "not this week")]).await.status(), 303, "and no password");
    assert!(page(&cluster).await.contains("declined an access request for"));
}

#[tokio::test]
async fn who_may_not_grant_sees_a_request_and_cannot_answer_it() {
    let (house, shop, kim) = scene().await;
    let id = kim.ask(&house, &shop).await;
    house.person(&shop, "ro@shop.example", json!({ "orgRoles": ["ORG_READ_ONLY"] })).await;
    house.person(&shop, "no@shop.example", json!({ "orgRoles": ["ORG_MEMBER"] })).await;
    let (reader, _) = Browser::sign_in(&house, "ro@shop.example", "").await;
    let shown = reader.get("/clusters").await.text().await.unwrap();
    assert!(shown.contains("support asks for access") && !shown.contains("/approve"), "{shown}");
    let (member, _) = Browser::sign_in(&house, "no@shop.example", "").await;
    assert!(!member.get("/clusters").await.text().await.unwrap().contains("support asks for access"));
    for verb in ["approve", "decline"] {
        let path = format!("/requests/{id}/{verb}");
        assert_eq!(reader.get(&path).await.status(), 403);
        assert_eq!(reader.post(&path, &[("duration", "1h"), ("kind", "CLUSTER_INFRASTRUCTURE")]).await.status(), 403);
        assert_eq!(member.get(&path).await.status(), 404);
    }
}
