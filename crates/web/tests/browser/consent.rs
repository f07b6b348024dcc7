//! The main story, as an owner sees it: claim, block, grant, watch the time, see who came, revoke.

use byleave_core::time::HOUR;
use thirtyfour::Key;

use crate::browser::{Browser, Scripts};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_blocks_grants_watches_and_revokes() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;

    browser.go(&format!("{}/invitations/{}", site.url, site.invitation)).await;
    browser.see("h1", "Claim Northwind Traders").await;
    browser.picture("invitation").await;
    browser.claim(&site).await;

    browser.see(".notice.warn", "can take longer").await;
    browser.see(".notice.warn", "availability").await;
    browser.picture("settings-off").await;
    browser.click("#block-switch").await;
    browser.see("dialog .dialogue .notice.warn", "can take longer").await;
    browser.picture("block").await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".notice.done", "blocked Acme support access to cluster infrastructure and logs").await;
    browser.see(".switch[aria-checked=true]", "Block Acme Support Access to Cluster Infrastructure and Logs").await;

    browser.open_grant(&site).await;
    browser.see("dialog .notice.warn", "database logs can hold values from your queries").await;
    browser.picture("grant").await;
    browser.fill("#case", "01274410").await;
    browser.fill("#reason", "Replication lag after this morning's failover").await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".notice.done", "granted Acme support access to Orders until").await;
    browser.see(".notice.done", "Recorded as entry").await;

    let first = browser.text_of(".left").await;
    assert!(first.starts_with("23:59:") || first == "24:00:00", "{first}");
    let second = browser.changed(".left", &first).await;
    assert!(second < first, "{first} then {second}");

    let session = site.come_in().await;
    browser.see(".cluster .pulse", "1 live session").await;
    browser.picture("clusters").await;
    browser.click(&format!("#menu-{}-summary", site.orders)).await;
    browser.see(".sheet", "Access expires on").await;
    browser.picture("menu").await;
    browser.go(&format!("{}/projects/{}/clusters/Orders", site.url, site.project)).await;
    browser.see("#nodes", "Not checked").await;
    browser.picture("cluster").await;
    browser.go(&format!("{}/sessions", site.url)).await;
    browser.see(&format!("#session-{session}"), "acme-employee-").await;
    browser.picture("sessions").await;

    browser.open_revoke(&site).await;
    browser.see("dialog .notice.warn", "settled every open issue").await;
    browser.see("dialog .sessions-ending", "acme-employee-").await;
    browser.picture("revoke").await;
    browser.see("dialog button.danger", "Revoke Access").await;
    browser.click("dialog button.danger").await;
    browser.see(".notice.done", "revoked Acme support access to Orders").await;
    browser.gone(".left").await;

    browser.go(&format!("{}/sessions", site.url)).await;
    browser.see("#past", "The grant was revoked").await;
    browser.see("#live", "Nobody of support is in").await;

    browser.go(&format!("{}/activity", site.url)).await;
    let feed = browser.see("#feed", "claimed the organization").await.text().await.unwrap();
    let mut last = 0;
    for sentence in
        ["ended: the grant was revoked", "revoked Acme", "came in to", "granted Acme", "blocked Acme", "claimed"]
    {
        let at = feed.find(sentence).unwrap_or_else(|| panic!("no `{sentence}` in {feed}"));
        assert!(at > last, "`{sentence}` is not in its place: {feed}");
        last = at;
    }
    browser.picture("activity").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timer_goes_by_the_servers_clock_and_not_by_the_browsers() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.grant(&site).await;
    // The server's clock is years ahead of the browser's.
    let first = browser.text_of(".left").await;
    assert!(first.starts_with("23:59:") || first == "24:00:00", "{first}");
    site.pass(2 * HOUR);
    browser.see(".left", "21:5").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_runs_out_closes_before_the_visitors_eyes() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.open_grant(&site).await;
    browser.fill("#duration", "4s").await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".chip.open", "Open to support").await;
    browser.gone(".chip.open").await;
    browser.see(".chip.closed", "Closed to support").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_stand_beside_their_field_and_keep_what_was_typed() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.open_grant(&site).await;
    browser.fill("#duration", "25h").await;
    browser.fill("#case", "01274410").await;
    browser.fill("#reason", "<b>Lag</b> & \"more\"").await;
    browser.click("dialog input[value=CLUSTER_DATABASE_LOGS]").await;
    browser.click("dialog button[type=submit]").await;
    browser.see("#duration-fault", "The duration must be at most 24h").await;
    browser.picture("grant-fault").await;
    assert_eq!(browser.value("#duration").await, "25h");
    assert_eq!(browser.value("#case").await, "01274410");
    assert_eq!(browser.value("#reason").await, "<b>Lag</b> & \"more\"");
    assert!(browser.has("input[value=CLUSTER_DATABASE_LOGS]:checked").await);
    browser.fill("#duration", "1h").await;
    browser.see(".dialogue h1", "Grant Infrastructure Access to Acme Support for 1 hour").await;
    browser.fill("#duration", "90m").await;
    browser.see(".dialogue h1", "Grant Infrastructure Access to Acme Support for 90m").await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".cluster.open", "Only database logs").await;
    browser.go(&format!("{}/activity", site.url)).await;
    browser.see("#feed", "Only database logs · case 01274410 · “<b>Lag</b> & \"more\"”").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_data_is_what_is_granted_first_where_support_is_not_blocked() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.go(&format!("{}/clusters", site.url)).await;
    browser.click(&format!("#menu-{}-summary", site.orders)).await;
    browser.see(".menu[open]", "Grant Temporary Sync Data Access to Acme Support").await;
    browser.click(&format!("#grant-{}", site.orders)).await;
    browser.see(".dialogue h1", "Grant Sync Data Access to Acme Support for 24 hours").await;
    assert!(browser.has("dialog input[value$=SYNC_DATA]:checked").await);
    assert!(!browser.has("dialog input[value=CLUSTER_INFRASTRUCTURE]:checked").await, "support has that anyway");
    browser.see("dialog", "at any time, with a grant or without").await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".cluster.open", "Infrastructure and App Services Sync Data").await;
    browser.go(&format!("{}/projects/{}/clusters/Catalogue", site.url, site.project)).await;
    browser.click(".head .menu summary").await;
    browser.see(".head .sheet", "Grant Temporary Infrastructure Access to Acme Support").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_accepts_the_risk_of_an_unchecked_node_and_sets_the_longest_grant() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    let cluster = format!("{}/projects/{}/clusters/Orders", site.url, site.project);
    browser.go(&cluster).await;
    browser.click("#nodes tr:nth-child(2) a").await;
    browser.see("dialog .notice.warn", "walled off from the database").await;
    browser.fill("#reason", "Checked by hand").await;
    browser.click("dialog button.danger").await;
    browser.see(".notice.done", "accepted the risk of orders-2.db.northwind.example").await;
    browser.see("#nodes", "Risk accepted").await;

    browser.go(&format!("{}/settings", site.url)).await;
    browser.click("#longest-change").await;
    browser.fill("#longest", "8h").await;
    browser.click("dialog button.primary").await;
    browser.see("#longest-grant strong", "8h").await;
    browser.go(&format!("{cluster}/grant")).await;
    browser.see("h1", "Grant Infrastructure Access to Acme Support for 8 hours").await;
    browser.see("#duration-hint", "Such as 8h, 90m or 1h30m; at most 8h").await;
    browser.fill("#duration", "25h").await;
    browser.click(".dialogue button.primary").await;
    browser.see("#duration-fault", "at most 8h, the longest your organization allows").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_support_is_not_blocked_no_timer_promises_that_a_door_closes() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.grant(&site).await;
    browser.see(".cluster.open", "Open to support").await;
    assert!(!browser.text_of(".cluster.open").await.contains("without the grant"), "blocked: the grant is what opens");
    browser.go(&format!("{}/settings", site.url)).await;
    browser.press("#block-switch", Key::Space).await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".notice.done", "lifted the block").await;
    browser.go(&format!("{}/clusters", site.url)).await;
    browser.see(".cluster.open", "Not blocked: open without the grant, too").await;
    browser.click(&format!("#menu-{}-summary", site.orders)).await;
    browser.see(".menu[open] .sheet", "Standing access stays").await;
    browser.click(&format!("#revoke-{}", site.orders)).await;
    browser.see("dialog", "with a grant or without").await;
    browser.picture("revoke-not-blocked").await;
    browser.press("dialog .actions a", Key::Escape).await;
    browser.gone("dialog").await;
    assert!(browser.has(&format!("#menu-{}-summary:focus", site.orders)).await, "the focus is back where it was");
    browser.click(".cluster.open a.name").await;
    browser.see("#state", "with a grant or without").await;
    browser.see("#state", "by mia.berger@northwind.example").await;
    browser.click("#revoke-here").await;
    browser.see("dialog", "Revoke").await;
    browser.quit().await;
}
