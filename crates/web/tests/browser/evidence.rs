//! The page of the evidence: what it hands out is what the store has, and it says how to verify it.

use byleave_core::event::LogId;
use byleave_core::role::Roles;

use crate::browser::{Browser, Scripts};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_takes_the_evidence_away() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    let owner = site.owner().await;
    let organization = owner.membership().unwrap().0;
    browser.click(".nav a[href='/evidence']").await;
    browser.see("h1", "Evidence").await;
    browser.picture("evidence").await;
    let key = site.store.verifying_key();
    assert_eq!(browser.text_of("#key").await, key);
    let line = browser.text_of("#verify-line").await;
    let command = format!("byleave evidence verify byleave-evidence-{organization}.json --key '{key}' --anchor ");
    assert!(line.starts_with(&format!("{command}byleave-anchor-{organization}-")), "{line}");
    browser.click("[data-copy=key]").await;
    browser.see("[data-copy=key]", "Copied").await;

    let log = LogId::Organization(organization);
    let sealed = site.store.sealed(&owner, log).await.unwrap();
    browser.see("#checkpoint", &format!("{} entries", sealed.size)).await;
    browser.see("#checkpoint", &sealed.root).await;
    let file = browser.fetch(&site, "/evidence/log").await;
    let named = format!("attachment; filename=\"byleave-evidence-{organization}.json\"");
    assert_eq!(file.headers()["content-disposition"], named.as_str());
    assert_eq!(file.headers()["x-content-type-options"], "nosniff");
    assert_eq!(file.text().await.unwrap(), site.store.evidence(&owner, organization).await.unwrap());
    let anchor = browser.fetch(&site, "/evidence/checkpoint").await;
    assert!(anchor.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let anchor: serde_json::Value = serde_json::from_str(&anchor.text().await.unwrap()).unwrap();
    assert_eq!(anchor["checkpoint"], sealed.anchor.checkpoint);
    assert_eq!(
        (anchor["log"].as_str(), anchor["index"].as_u64()),
        (Some(&*organization.to_string()), Some(sealed.size - 1))
    );

    browser.block(&site).await;
    browser.go(&format!("{}/evidence", site.url)).await;
    browser.see("#checkpoint", &format!("{} entries", sealed.size + 1)).await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_read_a_project_takes_its_entries_away_as_hashes() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    let whole = browser.fetch(&site, "/evidence/log").await.text().await.unwrap();
    assert!(whole.contains("orders-1.db.northwind.example"));
    let member = Roles::in_organization([byleave_core::role::OrgRole::Member]);
    site.join(&browser, "jan@northwind.example", member).await;
    let part = browser.fetch(&site, "/evidence/log").await.text().await.unwrap();
    assert!(!part.contains("orders-1.db.northwind.example") && part.contains("organization.claimed"));
    browser.quit().await;
}
