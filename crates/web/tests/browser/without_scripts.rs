//! Every page with scripts off: the same story, page by page.

use crate::browser::{Browser, Scripts};
use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_with_scripts_off() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::Off).await;
    browser.claim(&site).await;
    browser.block(&site).await;
    browser.see(".notice.done", "blocked Acme support access").await;

    browser.open_grant(&site).await;
    assert!(browser.path().await.ends_with("/clusters/Orders/grant"), "a page of its own");
    browser.fill("#duration", "for ever").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#duration-fault", "The duration must be a duration such as 24h").await;
    assert_eq!(browser.value("#duration").await, "for ever");
    browser.fill("#duration", "24h").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".notice.done", "granted Acme support access to Orders until").await;
    browser.see(".cluster.open .clock", "until ").await;
    browser.see(".cluster.open .clock", " UTC").await;
    assert!(browser.has(".left[hidden]").await, "a timer that does not run is not shown");
    browser.picture("without-scripts").await;

    let session = site.come_in().await;
    browser.go(&format!("{}/sessions", site.url)).await;
    browser.see(&format!("#session-{session}"), "acme-employee-").await;
    browser.click(&format!("#end-{session}")).await;
    assert_eq!(browser.path().await, "/sessions");
    let after = site.come_in().await;
    browser.open_revoke(&site).await;
    browser.see(".dialogue", "settled every open issue").await;
    browser.click(".dialogue button.danger").await;
    browser.see(".notice.done", "revoked Acme support access to Orders").await;
    assert!(!browser.has(".cluster.open").await);
    browser.go(&format!("{}/sessions", site.url)).await;
    browser.see("#past", "Your organization ended it").await;
    assert_ne!(session, after);

    browser.go(&format!("{}/activity", site.url)).await;
    browser.see("#feed", "revoked Acme support access to Orders").await;
    browser.click("#account-summary").await;
    browser.click("#account button").await;
    browser.see("h1", "Sign in").await;
    browser.quit().await;
}
