//! Requests with an `Idempotency-Key`: done once, answered as often as they are sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, Client};
use crate::house::{Customer, House, public_key, text};
use crate::lock::Lock;

const DAY: i64 = 24 * 3_600_000;

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    client.send(Call::new(Method::POST, path).body(body.to_string()).header("idempotency-key", key)).await
}

/// How long the log of the organization is.
async fn size(shop: &Customer) -> Value {
    let feed = format!("/api/byleave/v1/organizations/{}/events?itemsPerPage=1", shop.organization);
    shop.owner.get(&feed).await.ok()["totalCount"].clone()
}

fn logs() -> Value {
    json!({ "grantType": "CLUSTER_DATABASE_LOGS", "duration": "1h" })
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_and_answered_again() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("{}:grant", shop.own_cluster());
    let first = post(&shop.owner, &path, "one", &logs()).await;
    assert!(first.headers.get("idempotency-replayed").is_none());
    let (before, first_type) = (size(&shop).await, first.header("content-type").to_owned());
    let first = first.created();
    house.clock.advance(60_000);
    let again = post(&shop.owner, &path, "one", &logs()).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("content-type"), first_type);
    assert_eq!(again.header("cache-control"), "no-store");
    assert_eq!(again.created(), first, "the answer is the one that was given");
    assert_eq!(size(&shop).await, before, "and nothing was done");
    let other = post(&shop.owner, &path, "two", &logs()).await.created();
    assert_ne!(other["grant"]["id"], first["grant"]["id"], "another key is another request");
}

#[tokio::test]
async fn another_request_under_the_key_is_refused_and_another_caller_has_keys_of_their_own() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("{}:grant", shop.own_cluster());
    post(&shop.owner, &path, "one", &logs()).await.created();
    let before = size(&shop).await;
    let longer = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "duration": "2h" });
    let said = post(&shop.owner, &path, "one", &longer).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(said, "another request was carried out under this key; nothing was done");
    post(&shop.owner, &format!("{path}?pretty=true"), "one", &logs()).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(size(&shop).await, before);
    let roles = json!({ "orgRoles": ["ORG_OWNER"] });
    let key = house.key(&shop, roles).await;
    post(&key, &path, "one", &longer).await.created();
}

#[tokio::test]
async fn what_was_refused_may_be_sent_again_under_its_key() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("{}:grant", shop.own_cluster());
    post(&shop.owner, &path, "one", &json!({ "grantType": "x" })).await.refused(400, "INVALID_ENUM_VALUE");
    let sync = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "duration": "25h" });
    assert_eq!(post(&shop.owner, &path, "one", &sync).await.status, 400);
    post(&shop.owner, &path, "one", &logs()).await.created();
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let house = House::open().await;
    let administrator = house.administrator();
    let kim = json!({ "name": "Kim" });
    post(&administrator, "/api/byleave/v1/employees", "one", &kim).await.created();
    house.clock.advance(DAY - 1);
    let again = post(&administrator, "/api/byleave/v1/employees", "one", &kim).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    house.clock.advance(1);
    post(&administrator, "/api/byleave/v1/employees", "one", &kim).await.refused(409, "CONFLICT");
    let other = json!({ "name": "Robin" });
    post(&administrator, "/api/byleave/v1/employees", "one", &other).await.created();
}

#[tokio::test]
async fn no_key_keeps_a_revoke_or_an_end_from_being_carried_out() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (grant, revoke) = (format!("{}:grant", shop.own_cluster()), format!("{}:revoke", shop.own_cluster()));
    let bad = "ü".repeat(300);
    for key in ["one", "one", "", bad.as_str()] {
        shop.owner.post(&grant, logs()).await.created();
        let call = Call::new(Method::POST, &revoke).header("idempotency-key", key);
        let revoked = shop.owner.send(call).await.ok();
        assert!(revoked["revoked"]["endedAt"].is_string(), "{revoked}");
    }
    let (employee, _) = house.employee("Kim", &public_key("kim")).await;
    let administrator = house.administrator();
    let path = |verb: &str| format!("/api/byleave/v1/employees/{employee}:{verb}");
    for _ in 0..2 {
        let call = Call::new(Method::POST, &path("disable")).header("idempotency-key", "one");
        let done = administrator.send(call).await;
        assert!(done.headers.get("idempotency-replayed").is_none());
        done.ok();
        administrator.post_nothing(&path("enable")).await.ok();
    }
}

#[tokio::test]
async fn a_key_keeps_its_rule_and_the_order_of_refusals() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let path = format!("{}:grant", shop.own_cluster());
    let long = "k".repeat(256);
    for key in ["", "a b", "ü", long.as_str()] {
        let said = post(&shop.owner, &path, key, &logs()).await.refused(400, "VALIDATION_ERROR");
        assert!(said.contains("`Idempotency-Key`"), "{said}");
    }
    post(&house.nobody(), &path, "", &logs()).await.refused(401, "UNEXPECTED_ERROR");
    post(&shop.owner, &path, &"k".repeat(255), &logs()).await.created();
    let missing = "/api/byleave/v1/groups/0123456789abcdef01234567/clusters/None:grant";
    post(&shop.owner, missing, "x", &logs()).await.refused(404, "GROUP_NOT_FOUND");
}

#[tokio::test]
async fn while_the_first_is_being_carried_out_the_second_is_told_to_wait() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (path, body) = (format!("{}:grant", shop.own_cluster()), logs());
    let before = size(&shop).await.as_i64().unwrap();
    let lock = Lock::take(house.dir.path());
    let first = post(&shop.owner, &path, "one", &body);
    let second = async {
        // The first has taken its place once another one is kept out of it.
        let refused = loop {
            let roles = json!({ "grantType": "CLUSTER_DATABASE_LOGS", "duration": "2h" });
            let answer =
                tokio::time::timeout(std::time::Duration::from_millis(50), post(&shop.owner, &path, "one", &roles));
            if let Ok(answer) = answer.await {
                break answer;
            }
        };
        assert_eq!(refused.header("retry-after"), "1");
        refused.refused(409, "REQUEST_RUNNING");
        drop(lock);
    };
    let (first, ()) = tokio::join!(first, second);
    first.created();
    assert_eq!(size(&shop).await, before + 1);
    let again = post(&shop.owner, &path, "one", &body).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
}

#[tokio::test]
async fn who_goes_away_before_the_answer_hears_it_the_next_time() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (path, body) = (format!("{}:grant", shop.own_cluster()), logs());
    let lock = Lock::take(house.dir.path());
    let gone =
        tokio::time::timeout(std::time::Duration::from_millis(300), post(&shop.owner, &path, "one", &body)).await;
    assert!(gone.is_err(), "nothing is answered while the store cannot write");
    drop(lock);
    let answer = loop {
        let answer = post(&shop.owner, &path, "one", &body).await;
        if answer.header("x-error-code") != "REQUEST_RUNNING" {
            break answer;
        }
    };
    assert_eq!(answer.header("idempotency-replayed"), "true", "{}", answer.text);
    answer.created();
}

#[tokio::test]
async fn an_answer_that_shows_a_secret_is_not_kept_and_the_next_one_hears_so() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let administrator = house.administrator();
    let (own, atlas) = (
        format!("/api/byleave/v1/organizations/{}", shop.organization),
        format!("/api/atlas/v2/orgs/{}", shop.organization),
    );
    let groups = format!("/api/atlas/v2/groups/{}", shop.project);
    let roles = json!({ "orgRoles": ["ORG_MEMBER"] });
    let account = json!({ "name": "a", "description": "a", "roles": ["ORG_MEMBER"], "secretExpiresAfterHours": 8 });
    let made = shop.owner.post(&format!("{atlas}/serviceAccounts"), account.clone()).await.created();
    let client = text(&made["clientId"]);
    let secret = json!({ "secretExpiresAfterHours": 8 });
    let project = json!({ "name": "a", "description": "a", "roles": ["GROUP_OWNER"], "secretExpiresAfterHours": 8 });
    let cases = [
        (&administrator, "/api/byleave/v1/organizations".to_owned(), json!({ "name": "A", "ownerUserName": "a@b.c" })),
        (&shop.owner, format!("{own}/users"), json!({ "userName": "b@b.c", "roles": roles })),
        (&shop.owner, format!("{own}/apiKeys"), json!({ "description": "a", "roles": roles })),
        (
            &shop.owner,
            format!("{atlas}/users"),
            json!({ "username": "c@b.c", "roles": { "orgRoles": ["ORG_MEMBER"] } }),
        ),
        (&shop.owner, format!("{atlas}/invites"), json!({ "username": "d@b.c", "roles": ["ORG_MEMBER"] })),
        (&shop.owner, format!("{atlas}/apiKeys"), json!({ "desc": "a", "roles": ["ORG_MEMBER"] })),
        (&shop.owner, format!("{groups}/apiKeys"), json!({ "desc": "a", "roles": ["GROUP_OWNER"] })),
        (&shop.owner, format!("{atlas}/serviceAccounts"), account),
        (&shop.owner, format!("{groups}/serviceAccounts"), project),
        (&shop.owner, format!("{atlas}/serviceAccounts/{client}/secrets"), secret),
    ];
    for (number, (caller, path, body)) in cases.into_iter().enumerate() {
        let key = format!("key-{number}");
        let first = post(caller, &path, &key, &body).await;
        assert!(first.status.is_success(), "{path}: {}", first.text);
        let before = size(&shop).await;
        let said = post(caller, &path, &key, &body).await.refused(409, "ANSWER_NOT_KEPT");
        assert!(said.contains("its answer is not kept"), "{said}");
        assert_eq!(size(&shop).await, before, "{path}");
    }
}
