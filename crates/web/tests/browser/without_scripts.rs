//! Every page with scripts off: the same story, page by page.

use byleave_core::role::{OrgRole, Roles};

use crate::browser::{Browser, Scripts};
use crate::site::{PASSWORD, Site};

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
    browser.see("#ended", "The grant holds until").await;
    browser.go(&format!("{}/sessions?ended=000000000000000000000000", site.url)).await;
    browser.see("#past", "Your organization ended it").await;
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

#[tokio::test(flavor = "multi_thread")]
async fn people_keys_and_settings_are_managed_with_scripts_off() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::Off).await;
    browser.claim(&site).await;
    browser.go(&format!("{}/users", site.url)).await;
    browser.click("#invite").await;
    browser.fill("#user_name", "jan@northwind.example").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#role-fault", "Choose at least one role.").await;
    assert_eq!(browser.value("#user_name").await, "jan@northwind.example");
    browser.click("input[value=ORG_READ_ONLY]").await;
    browser.click(".dialogue button[type=submit]").await;
    let link = browser.see("#invitation-link", "/invitations/").await.text().await.unwrap();
    assert!(link.starts_with(&site.url), "{link}");
    browser.click(".dialogue .actions a").await;
    browser.see("#invitations", "jan@northwind.example").await;
    browser.click("[aria-label='Withdraw the invitation of jan@northwind.example']").await;
    browser.see(".dialogue", "opens nothing any more").await;
    browser.click(".dialogue button.danger").await;
    browser.see("#invitations", "Nobody is invited at the moment").await;
    browser.go(&link).await;
    assert!(!browser.has("#new-password, input[type=password]").await, "a withdrawn link opens nothing");
    browser.go(&format!("{}/users", site.url)).await;
    site.join(&browser, "ida@northwind.example", Roles::in_organization([OrgRole::ReadOnly])).await;
    browser.sign_in(&site, PASSWORD).await;
    browser.see("h1", "Clusters").await;
    browser.go(&format!("{}/users", site.url)).await;
    browser.click("[aria-label='Change the roles of ida@northwind.example']").await;
    browser.click("input[value=ORG_READ_ONLY]").await;
    browser.click("input[value=ORG_MEMBER]").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".notice.done", "changed the roles of ida@northwind.example to Organization member").await;
    browser.click("[aria-label='Make a link for a new password of ida@northwind.example']").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#invitation-link", "/invitations/").await;
    browser.click(".dialogue .actions a").await;
    browser.see("#resets", "ida@northwind.example").await;
    browser.click("[aria-label='Withdraw the link for a new password of ida@northwind.example']").await;
    browser.see(".dialogue", "opens nothing any more").await;
    browser.click(".dialogue button.danger").await;
    browser.see("#resets", "There is none at the moment").await;
    browser.click("[aria-label='Remove ida@northwind.example']").await;
    browser.see(".dialogue", "signed out everywhere").await;
    browser.click(".dialogue button.danger").await;
    browser.see(".notice.done", "removed").await;
    assert!(!browser.text_of("#users").await.contains("ida@"));

    browser.go(&format!("{}/api-keys", site.url)).await;
    browser.click("#new-key").await;
    browser.fill("#description", "Terraform").await;
    browser.click("input[value=ORG_OWNER]").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#private-key", "-").await;
    browser.click(".dialogue .actions a").await;
    browser.see("#keys", "Terraform").await;
    browser.click("#keys a").await;
    browser.see(".dialogue", "refused from now on").await;
    browser.click(".dialogue button.danger").await;
    browser.see(".notice.done", "removed the API key").await;
    browser.see("#keys", "There is no API key").await;

    browser.go(&format!("{}/settings", site.url)).await;
    browser.click("#longest-change").await;
    browser.fill("#longest", "25h").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#longest-fault", "must be at most 24h").await;
    browser.fill("#longest", "8h").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".notice.done", "set the longest grant to 8h").await;
    browser.block(&site).await;
    browser.click("#block-switch").await;
    browser.see(".dialogue", "at any time, without asking").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see(".notice.done", "lifted the block").await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_accounts_are_managed_with_scripts_off() {
    let site = Site::start().await;
    let browser = Browser::start(Scripts::Off).await;
    browser.claim(&site).await;
    browser.go(&format!("{}/api-keys", site.url)).await;
    browser.see("#service-accounts", "There is no service account").await;
    browser.click("#new-service-account").await;
    browser.fill("#name", "Pipeline").await;
    browser.fill("#description", "deploys").await;
    browser.fill("#hours", "4").await;
    browser.click("input[value=ORG_READ_ONLY]").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#hours-fault", "from 8 to 8760").await;
    assert_eq!(browser.value("#name").await, "Pipeline");
    browser.fill("#hours", "24").await;
    site.pass(10 * 60_000);
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#password-fault", "give your password again").await;
    browser.fill("#password", PASSWORD).await;
    browser.click(".dialogue button[type=submit]").await;
    let first = browser.see("#client-secret", "mdb_sa_sk_").await.text().await.unwrap();
    browser.see("#client-id", "mdb_sa_id_").await;
    browser.picture("service-account-made").await;
    browser.click(".dialogue .actions a").await;
    browser.see("h1", "Pipeline").await;
    assert!(!browser.text().await.contains(&first), "the secret is shown once");
    browser.picture("service-account").await;

    browser.click("#new-secret").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#client-secret", "mdb_sa_sk_").await;
    browser.click(".dialogue .actions a").await;
    browser.click("#new-secret").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#hours-fault", "at most 2 secrets").await;
    browser.click(".dialogue .actions a").await;
    browser.click("#secrets td a").await;
    browser.see(".dialogue", "are refused from now on").await;
    browser.click(".dialogue button.danger").await;
    browser.see(".notice.done", "removed a secret of").await;

    browser.see("#access-list", "taken from every address").await;
    browser.click("#new-network").await;
    browser.fill("#network", "192.0.2.7/24").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#network-fault", "192.0.2.0/24").await;
    browser.fill("#network", "2001:db8::/32").await;
    browser.click(".dialogue button[type=submit]").await;
    browser.see("#access-list", "2001:db8::/32").await;
    browser.click("#access-list td a").await;
    browser.click(".dialogue button.danger").await;
    browser.see("#access-list", "taken from every address").await;

    browser.click("#remove-account").await;
    browser.click(".dialogue button.danger").await;
    browser.see("#service-accounts", "There is no service account").await;
    browser.quit().await;
}
