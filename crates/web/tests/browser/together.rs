//! Two browsers at once: what one does, the other sees without asking.

use crate::browser::{Browser, Scripts};
use crate::site::{PASSWORD, Site};

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_see_each_others_changes() {
    let site = Site::start().await;
    let (mine, yours) = tokio::join!(Browser::start(Scripts::On), Browser::start(Scripts::On));
    mine.claim(&site).await;
    yours.sign_in(&site, PASSWORD).await;
    yours.see("#posture", "Acme support has standing access").await;
    mine.block(&site).await;
    yours.see("#posture", "Acme support is blocked").await;
    yours.grant(&site).await;
    mine.go(&format!("{}/clusters", site.url)).await;
    mine.see(".cluster.open", "Open to support").await;

    mine.click(&format!("#menu-{}-summary", site.orders)).await;
    mine.see(".sheet", "Access expires on").await;
    let session = site.come_in().await;
    mine.see(".cluster .pulse", "1 live session").await;
    mine.see(".menu[open] .sheet", "Access expires on").await;

    yours.go(&format!("{}/sessions", site.url)).await;
    yours.click(&format!("#end-{session}")).await;
    yours.see("#past", "Your organization ended it").await;
    yours.see("#ended", "support can come in again at once").await;
    assert!(yours.has("#ended-revoke").await, "what closes the door is beside it");
    mine.gone(".cluster .pulse").await;

    yours.open_revoke(&site).await;
    yours.click("dialog button.danger").await;
    mine.gone(".cluster.open").await;
    mine.quit().await;
    yours.quit().await;
}
