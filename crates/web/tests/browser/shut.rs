//! What people are told when the store cannot record that they close the door: it is shut all the same.

use crate::browser::{Browser, Scripts};
use crate::site::Site;

async fn is_told_of_the_cut(scripts: Scripts) {
    let site = Site::start().await;
    let browser = Browser::start(scripts).await;
    browser.claim(&site).await;
    let lock = site.lock();
    browser.go(&format!("{}/settings", site.url)).await;
    browser.click("#block-switch").await;
    browser.see(".dialogue", "Block Access").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".dialogue h1", "Access is cut, but not recorded").await;
    browser.see(".dialogue .notice", "Live sessions were ended at once (3)").await;
    browser.see(".dialogue .notice", "try again soon").await;
    drop(lock);
    // Either the first block went through once the lock was gone, or this one does.
    site.block().await;
    browser.go(&format!("{}/settings", site.url)).await;
    browser.see(".switch[aria-checked=true]", "Block Acme").await;

    browser.grant(&site).await;
    let lock = site.lock();
    browser.open_revoke(&site).await;
    browser.click(".dialogue button.danger").await;
    browser.see(".dialogue h1", "Access is cut, but not recorded").await;
    browser.picture(&format!("cut-only-{scripts:?}")).await;
    drop(lock);
    site.revoke().await;
    browser.go(&format!("{}/clusters", site.url)).await;
    browser.see(".cluster", "Closed to support").await;
    browser.gone(".cluster.open").await;

    let lock = site.lock();
    browser.go(&format!("{}/settings/longest-grant", site.url)).await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".dialogue h1", "The store does not answer").await;
    drop(lock);
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_that_is_not_recorded_is_told() {
    is_told_of_the_cut(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_that_is_not_recorded_is_told_with_scripts_off() {
    is_told_of_the_cut(Scripts::Off).await;
}
