//! Signing in, signing out, and giving the password again.

use byleave_core::time::MINUTE;
use reqwest::StatusCode;

use crate::browser::{Browser, Scripts};
use crate::site::{OWNER, PASSWORD, Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_and_each_sign_in_makes_a_new_session() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    let cookie = browser.session_cookie().await;
    assert!(cookie.name.starts_with("byleave-"), "{cookie:?}");
    assert_eq!(cookie.http_only, Some(true), "{cookie:?}");
    assert_eq!(cookie.same_site, Some(thirtyfour::cookie::SameSite::Lax), "{cookie:?}");

    browser.sign_in(&site, "a wrong password").await;
    browser.see(".notice.error", "The e-mail address or the password is wrong.").await;
    browser.picture("wrong-password").await;
    assert_eq!(browser.value("#user_name").await, OWNER);
    assert_eq!(browser.value("#password").await, "");
    browser.fill("#password", PASSWORD).await;
    browser.click("button[type=submit]").await;
    browser.see("h1", "Clusters").await;
    assert_ne!(browser.session_cookie().await.value, cookie.value, "a new session id");

    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let old =
        client.get(format!("{}/clusters", site.url)).header("cookie", format!("{}={}", cookie.name, cookie.value));
    assert_eq!(old.send().await.unwrap().headers()["location"], "/sign-in", "the former session is closed");
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_elsewhere_ends_the_open_page() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    let cookie = browser.session_cookie().await;
    browser.go(&format!("{}/activity", site.url)).await;
    browser.see("#feed", "claimed the organization").await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let out = client.post(format!("{}/sign-out", site.url));
    let out = out.header("cookie", format!("{}={}", cookie.name, cookie.value)).header("origin", &site.url);
    assert_eq!(out.send().await.unwrap().status(), StatusCode::SEE_OTHER);
    browser.see("h1", "Sign in").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_the_door_asks_for_the_password_again_and_closing_it_never_does() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    site.pass(6 * MINUTE);
    browser.go(&format!("{}/settings", site.url)).await;
    browser.click("#block-switch").await;
    browser.see(".dialogue", "Block Access").await;
    assert!(!browser.has(".dialogue input[type=password]").await, "blocking asks for nothing");
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".switch[aria-checked=true]", "Block Acme").await;

    browser.open_grant(&site).await;
    browser.fill("#case", "01274410").await;
    browser.fill("#password", "a wrong password").await;
    browser.click("dialog button[type=submit]").await;
    browser.see("#password-fault", "This is not your password.").await;
    browser.picture("again").await;
    assert_eq!(browser.value("#case").await, "01274410");
    browser.fill("#password", PASSWORD).await;
    browser.click("dialog button[type=submit]").await;
    browser.see(".notice.done", "granted Acme support access").await;
    browser.open_grant(&site).await;
    assert!(!browser.has("dialog #password").await, "it was just given");

    site.pass(6 * MINUTE);
    browser.open_revoke(&site).await;
    assert!(!browser.has("dialog input[type=password]").await, "revoking asks for nothing");
    browser.click("dialog button.danger").await;
    browser.see(".notice.done", "revoked Acme support access").await;
    for page in ["settings/unblock", "settings/longest-grant", "users/invite", "api-keys/new"] {
        browser.go(&format!("{}/{page}", site.url)).await;
        browser.see(".fresh", "Your password").await;
    }
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_keys_are_managed_and_secrets_shown_once() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::On).await;
    browser.claim(&site).await;
    browser.go(&format!("{}/users", site.url)).await;
    browser.click("#invite").await;
    browser.fill("#user_name", "not an address").await;
    browser.click("dialog button[type=submit]").await;
    browser.fill("dialog #user_name", "jan@northwind.example").await;
    browser.click("dialog button[type=submit]").await;
    browser.see("#role-fault", "Choose at least one role.").await;
    browser.picture("invite").await;
    browser.click("dialog input[value=ORG_READ_ONLY]").await;
    browser.click("dialog button[type=submit]").await;
    let link = browser.see("#invitation-link", "/invitations/").await.text().await.unwrap();
    assert!(link.starts_with(&site.url), "{link}");
    browser.go(&format!("{}/users", site.url)).await;
    browser.see("#invitations", "jan@northwind.example").await;
    browser.picture("users").await;

    browser.go(&format!("{}/api-keys", site.url)).await;
    browser.click("#new-key").await;
    browser.fill("dialog #description", "Terraform").await;
    browser.click("dialog input[value=ORG_OWNER]").await;
    browser.click("dialog button[type=submit]").await;
    let private = browser.see("#private-key", "-").await.text().await.unwrap();
    browser.picture("api-key").await;
    browser.go(&format!("{}/api-keys", site.url)).await;
    browser.see("#keys", "Terraform").await;
    assert!(!browser.text().await.contains(&private));

    browser.go(&link).await;
    browser.see("h1", "Join Northwind Traders").await;
    browser.fill("#password", "another calm evening").await;
    browser.fill("#again", "another calm evening").await;
    browser.click("button[type=submit]").await;
    browser.see("h1", "Clusters").await;
    assert!(!browser.has("a[href='/users']").await, "who only reads has no page of users");
    browser.go(&format!("{}/users", site.url)).await;
    browser.see("h1", "Your role does not allow this").await;
    browser.go(&format!("{}/projects/{}/clusters/Orders/grant", site.url, site.project)).await;
    browser.see("h1", "Your role does not allow this").await;
    browser.go(&link).await;
    browser.see("h1", "This link cannot be used").await;
    browser.quit().await;
}

#[tokio::test]
async fn forms_of_other_sites_and_credentials_of_programs_are_refused() {
    let site = Site::start().await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let post = || {
        client
            .post(format!("{}/sign-in", site.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("user_name={OWNER}&password={PASSWORD}"))
    };
    let forged = post().header("origin", "https://elsewhere.example").send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let forged = post().header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let own = post().header("origin", &site.url).send().await.unwrap();
    assert_eq!(own.status(), StatusCode::UNPROCESSABLE_ENTITY, "wrong, but heard");
    let bearer = client.get(format!("{}/clusters", site.url)).bearer_auth("administrator").send().await.unwrap();
    assert_eq!(bearer.headers()["location"], "/sign-in");
    let policy = own.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(own.headers()["cache-control"], "no-store");
}
