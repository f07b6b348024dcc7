//! A revoke or block that cannot be recorded still cuts, says so, and lets go once it is recorded.

use byleave_web::door::Scope;
use serde_json::json;

use crate::browser::Browser;
use crate::house::{House, Told};
use crate::lock::Lock;

#[tokio::test]
async fn a_revoke_that_cannot_be_recorded_cuts_all_the_same() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let grant = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" });
    shop.owner.post(&format!("{}:grant", shop.own_cluster()), grant.clone()).await.created();
    let reader = house.key(&shop, json!({ "orgRoles": ["ORG_READ_ONLY"] })).await;
    house.door.take();

    let lock = Lock::take(house.dir.path());
    for revoke in
        [format!("{}:revoke", shop.own_cluster()), format!("{}:revokeMongoDBEmployeeAccess", shop.atlas_cluster())]
    {
        let started = std::time::Duration::from_millis(u64::try_from(millis()).unwrap());
        let detail = key.post_nothing(&revoke).await.refused(503, "CUT_BUT_NOT_RECORDED");
        let took = std::time::Duration::from_millis(u64::try_from(millis()).unwrap()) - started;
        assert!(took < std::time::Duration::from_millis(2_500), "{took:?}");
        assert!(detail.starts_with("3 live sessions were ended"), "{detail}");
        assert!(detail.contains("the revoke is not recorded"), "{detail}");
        assert_eq!(house.door.take(), [Told::Cut(shop.scope())]);
    }
    reader.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.refused(403, "USER_UNAUTHORIZED");
    let organization = Scope::Organization(shop.organization.parse().unwrap());
    for settings in [
        format!("/api/byleave/v1/organizations/{}/settings", shop.organization),
        format!("/api/atlas/v2/orgs/{}/settings", shop.organization),
    ] {
        let detail = key.patch(&settings, json!({ "restrictEmployeeAccess": true })).await;
        let detail = detail.refused(503, "CUT_BUT_NOT_RECORDED");
        assert!(detail.contains("the block is not recorded"), "{detail}");
        assert_eq!(house.door.take(), [Told::Cut(organization)]);
    }
    key.post(&format!("{}:grant", shop.own_cluster()), grant).await.refused(503, "SERVICE_UNAVAILABLE");
    drop(lock);

    key.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.ok();
    assert!(house.door.take().contains(&Told::Unlatch(shop.scope())));
    let shown = key.get(&shop.own_cluster()).await.ok();
    assert_eq!(shown.get("grant"), None);
}

#[tokio::test]
async fn a_slow_revoke_that_is_recorded_late_lets_go_by_itself() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let grant = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" });
    key.post(&format!("{}:grant", shop.own_cluster()), grant).await.created();
    house.door.take();
    let lock = Lock::take(house.dir.path());
    key.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.refused(503, "CUT_BUT_NOT_RECORDED");
    drop(lock);
    // Either the first one went through once the lock was gone, or this one does: the door is let go of in both cases.
    key.post_nothing(&format!("{}:revoke", shop.own_cluster())).await.ok();
    let told = house.door.take();
    assert_eq!(told.first(), Some(&Told::Cut(shop.scope())));
    assert_eq!(told.last(), Some(&Told::Unlatch(shop.scope())), "{told:?}");
}

#[tokio::test]
async fn a_revoke_in_a_store_that_is_damaged_cuts_all_the_same() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let key = house.key(&shop, json!({ "orgRoles": ["ORG_OWNER"] })).await;
    let grant = json!({ "grantType": "CLUSTER_INFRASTRUCTURE" });
    shop.owner.post(&format!("{}:grant", shop.own_cluster()), grant).await.created();
    house.door.take();
    let damage = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute('UPDATE logs SET size = size + 1')\n\
                  c.commit()";
    let done =
        std::process::Command::new("python3").args(["-c", damage]).arg(house.dir.path().join("byleave.db")).status();
    assert!(done.unwrap().success());
    for revoke in
        [format!("{}:revoke", shop.own_cluster()), format!("{}:revokeMongoDBEmployeeAccess", shop.atlas_cluster())]
    {
        key.post_nothing(&revoke).await.refused(503, "CUT_BUT_NOT_RECORDED");
        assert_eq!(house.door.take(), [Told::Cut(shop.scope())]);
    }
}

/// Otherwise the door stays shut to what the customer has just opened.
#[tokio::test]
async fn whoever_grants_or_unblocks_on_a_page_lets_go_of_the_door() {
    let house = House::open().await;
    let shop = house.customer("shop").await;
    let (browser, _) = Browser::sign_in(&house, "owner@shop.example", "").await;
    house.door.take();
    let grant = format!("/projects/{}/clusters/{}/grant", shop.project, shop.cluster);
    let answer = browser.post(&grant, &[("kind", "CLUSTER_INFRASTRUCTURE"), ("duration", "1h")]).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    assert_eq!(house.door.take(), [Told::Unlatch(shop.scope())]);
    let answer = browser.post("/settings/unblock", &[]).await;
    assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
    assert_eq!(house.door.take(), [Told::Unlatch(Scope::Organization(shop.organization.parse().unwrap()))]);
}

/// Milliseconds on tokio's clock, which the tests may ask.
fn millis() -> u128 {
    use std::sync::OnceLock;
    static BEGIN: OnceLock<tokio::time::Instant> = OnceLock::new();
    BEGIN.get_or_init(tokio::time::Instant::now).elapsed().as_millis()
}
