//! One's own account: another password, which ends the other sign-ins.

use reqwest::StatusCode;

use crate::browser::{Browser, Scripts};
use crate::site::{PASSWORD, Site};

const OTHER: &str = "another calm evening";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_changes_their_password_and_is_signed_out_elsewhere() {
    let site = Site::start().await;
    let (mine, other) = tokio::join!(Browser::start(Scripts::On), Browser::start(Scripts::On));
    mine.claim(&site).await;
    other.sign_in(&site, PASSWORD).await;
    other.see("h1", "Clusters").await;

    mine.click("#account-summary").await;
    mine.click("#account a[href='/account']").await;
    mine.see(".facts", "Organization owner").await;
    mine.see(".hint", "At least 12 characters").await;
    mine.picture("account").await;
    let change = async |present: &str, new: &str, again: &str| {
        mine.fill("#present", present).await;
        mine.fill("#password", new).await;
        mine.fill("#again", again).await;
        mine.click("main button[type=submit]").await;
    };
    change(PASSWORD, "short", "short").await;
    mine.see("#password-fault", "The password must have 12 to 128 characters.").await;
    assert_eq!(mine.value("#present").await, "", "a password is never sent back");
    mine.picture("account-fault").await;
    change(PASSWORD, OTHER, "another calm evenin").await;
    mine.see("#again-fault", "The two passwords differ.").await;
    change(PASSWORD, PASSWORD, PASSWORD).await;
    mine.see("#password-fault", "must differ from the present one").await;
    change("a wrong password", OTHER, OTHER).await;
    mine.see("#present-fault", "This is not your password.").await;
    assert_eq!(other.path().await, "/clusters", "nothing has changed so far");
    change(PASSWORD, OTHER, OTHER).await;
    mine.see(".notice.done", "set another password").await;
    mine.see(".notice.done", "Recorded as entry").await;
    assert_eq!(mine.fetch(&site, "/clusters").await.status(), StatusCode::OK);
    other.see("h1", "Sign in").await;
    other.sign_in(&site, PASSWORD).await;
    other.see(".notice.error", "password is wrong").await;
    other.sign_in(&site, OTHER).await;
    other.see("h1", "Clusters").await;
    mine.quit().await;
    other.quit().await;
}
