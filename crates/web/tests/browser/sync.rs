//! Sync data on the pages: where it is offered, the customer's own credential for it, and its sessions.

use byleave_store::sync::SyncCredential;
use thirtyfour::Key;

use crate::browser::{Browser, Scripts};
use crate::site::Site;

const SECRET: &str = "a-very-secret-word";
const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBAzCBtqADAgECAhQ=\n-----END CERTIFICATE-----\n\
    -----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
const OWN: &str = "#own-credential";
const SYNC: &str = "input[value=CLUSTER_INFRASTRUCTURE_AND_APP_SERVICES_SYNC_DATA]";

/// Neither the page as it is nor any other page of the owner's holds this.
async fn shown_nowhere(site: &Site, browser: &Browser, secrets: &[&str]) {
    for path in ["/clusters", "/activity", "/sessions", "/settings", "/evidence"] {
        let page = browser.fetch(site, path).await.text().await.unwrap();
        assert!(page.contains("<html") && !secrets.iter().any(|secret| page.contains(secret)), "{path}");
    }
    let source = browser.source().await;
    assert!(!secrets.iter().any(|secret| source.contains(secret)), "the page shows it: {source}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_grants_sync_data_with_their_own_credential_which_is_shown_nowhere() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.open_grant(&site).await;
    browser.hidden(OWN).await;
    browser.click(&format!("dialog {SYNC}")).await;
    browser.click(&format!("{OWN} summary")).await;
    browser.picture("grant-sync-credential").await;
    browser.fill("#sync-user", "support").await;
    browser.fill("#sync-password", SECRET).await;
    browser.fill("#duration", "25h").await;
    browser.click("dialog button[type=submit]").await;
    browser.see("#duration-fault", "The duration must be at most 24h").await;
    assert_eq!(browser.value("#sync-password").await, "", "what is secret is not kept in the form");
    browser.fill("#duration", "24h").await;
    browser.click(&format!("{OWN} summary")).await;
    browser.fill("#sync-password", SECRET).await;
    browser.click("dialog button[type=submit]").await;
    browser.see("#sync-user-fault", "must be given together").await;
    shown_nowhere(&site, &browser, &[SECRET]).await;
    browser.picture("grant-sync-fault").await;
    assert!(site.supplied().is_empty(), "nothing was granted");
    browser.fill("#sync-user", "support").await;
    browser.fill("#sync-password", SECRET).await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".cluster.open", "Infrastructure and App Services Sync Data").await;
    let scram = |credential: &SyncCredential| match credential {
        SyncCredential::Scram { user, password } => user == "support" && password.as_str() == SECRET,
        SyncCredential::X509 { .. } => false,
    };
    let supplied = site.supplied();
    assert!(supplied.len() == 1 && supplied.iter().all(scram), "{supplied:?}");
    shown_nowhere(&site, &browser, &[SECRET]).await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_taken_without_scripts_and_with_another_type_nothing_is() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::Off).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.open_grant(&site).await;
    browser.click(SYNC).await;
    browser.click(&format!("{OWN} summary")).await;
    browser.fill("#sync-pem", PEM).await;
    browser.press(SYNC, Key::Up).await;
    browser.see("input[value=CLUSTER_INFRASTRUCTURE]:checked", "").await;
    browser.hidden(OWN).await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".cluster.open", "Cluster infrastructure and all cluster logs").await;
    assert!(site.supplied().is_empty(), "it would open nothing");
    browser.go(&format!("{}/projects/{}/clusters/Orders/grant", site.url, site.project)).await;
    browser.click(SYNC).await;
    browser.click(&format!("{OWN} summary")).await;
    browser.fill("#sync-pem", PEM).await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".cluster.open", "Infrastructure and App Services Sync Data").await;
    let pem = |credential: &SyncCredential| match credential {
        SyncCredential::X509 { pem } => pem.as_str() == PEM,
        SyncCredential::Scram { .. } => false,
    };
    let supplied = site.supplied();
    assert!(supplied.len() == 1 && supplied.iter().all(pem), "{supplied:?}");
    shown_nowhere(&site, &browser, &["MC4CAQAwBQYDK2VwBCIEIA", "MIIBAzCBtqADAgECAhQ"]).await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_support_is_blocked_the_one_dialogue_offers_the_types_with_their_labels() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.open_grant(&site).await;
    let choices = browser.text_of("#kind").await;
    for label in [
        "Cluster infrastructure and all cluster logs",
        "Infrastructure and App Services Sync Data",
        "Only database logs",
    ] {
        assert!(choices.contains(label), "{label}: {choices}");
    }
    let path = format!("{}/projects/{}/clusters/Catalogue/grant", site.url, site.project);
    for other in [path.clone(), format!("{path}?sync=1")] {
        browser.go(&other).await;
        browser.see("#kind", "Cluster infrastructure and all cluster logs").await;
        assert!(!browser.has(SYNC).await && !browser.has(OWN).await, "it has no sync databases");
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_grant_opens_nothing_more_the_page_says_so() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::Off).await;
    browser.claim(&site).await;
    for sync in ["", "?sync=1"] {
        browser.go(&format!("{}/projects/{}/clusters/Catalogue/grant{sync}", site.url, site.project)).await;
        browser.see(".dialogue", "at any time, with a grant or without").await;
        assert!(!browser.has(SYNC).await, "it has no sync databases");
    }
    browser.picture("grant-nothing").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_sync_data_stands_beside_others_with_its_numbers() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.go(&format!("{}/projects/{}/clusters/Orders/grant?sync=1", site.url, site.project)).await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".cluster.open", "Infrastructure and App Services Sync Data").await;
    let session = site.read_sync_data().await;
    let node = site.come_in().await;
    browser.go(&format!("{}/sessions", site.url)).await;
    browser.see(&format!("#session-{session}"), "sync data, orders.db.northwind.example").await;
    browser.see(&format!("#session-{node}"), "node orders-1.db.northwind.example").await;
    browser.picture("sessions-sync").await;
    site.close_sync_data(session, 4).await;
    browser.go(&format!("{}/sessions", site.url)).await;
    browser.see(&format!("#past #session-{session}"), "12 commands, 4 refused").await;
    browser.see(&format!("#past #session-{session}"), "47.0 KiB from the databases").await;
    assert!(!browser.text_of(&format!("#past #session-{session}")).await.contains("shell"), "it has no shells");
    browser.picture("sessions-sync-past").await;
    browser.go(&format!("{}/sessions/{session}", site.url)).await;
    browser.see(".facts", "12 commands, 4 refused").await;
    browser.see("#feed", "4 refused").await;
    browser.picture("session-sync").await;
    browser.go(&format!("{}/activity", site.url)).await;
    browser.see("#feed", "12 commands, no transfers, 4 refused").await;
    browser.picture("activity-sync").await;
    browser.quit().await;
}
