//! A browser of its own profile, driven through chromedriver, and the few things that a test does with it.
//!
//! Everything here waits until what is asked for is there; the driver's poller does that.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use thirtyfour::prelude::*;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::site::{OWNER, PASSWORD, Site};

/// A browser with its driver; both end when it is dropped.
pub(crate) struct Browser {
    driver: WebDriver,
    _chromedriver: Child,
    _profile: tempfile::TempDir,
}

/// Whether pages may run scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    Off,
    On,
}

impl Browser {
    /// Starts a browser.
    pub(crate) async fn start(scripts: Scripts) -> Self {
        let (chromedriver, port) = chromedriver().await;
        let profile = tempfile::tempdir().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,1000",
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        if scripts == Scripts::Off {
            let prefs = json!({ "profile.managed_default_content_settings.javascript": 2 });
            capabilities.add_experimental_option("prefs", prefs).unwrap();
        }
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await.unwrap();
        Self { driver, _chromedriver: chromedriver, _profile: profile }
    }

    /// Goes to an address.
    pub(crate) async fn go(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// The path and query of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.driver.current_url().await.unwrap();
        url.path().to_owned()
    }

    /// Waits until an element with this text is there and shown.
    pub(crate) async fn see(&self, css: &str, text: &str) -> WebElement {
        let wanted = text.to_owned();
        let found = self.driver.query(By::Css(css)).with_filter(move |element: WebElement| {
            let wanted = wanted.clone();
            // An element may be replaced while it is looked at; then it is not the one.
            async move { Ok(element.text().await.is_ok_and(|text| text.contains(&wanted))) }
        });
        match found.first().await {
            Ok(element) => element,
            Err(_) => panic!("no `{css}` with `{text}` at {}:\n{}", self.path().await, self.text().await),
        }
    }

    /// Waits until no element is there any more.
    pub(crate) async fn gone(&self, css: &str) {
        assert!(self.driver.query(By::Css(css)).not_exists().await.unwrap(), "`{css}` is still there");
    }

    /// Waits for an element and clicks it.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.driver.query(By::Css(css)).and_clickable().first().await;
        element.unwrap_or_else(|error| panic!("no `{css}` to click: {error}")).click().await.unwrap();
    }

    /// Puts a text into a field in place of what is there.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.driver.query(By::Css(css)).first().await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Presses a key on a control.
    pub(crate) async fn press(&self, css: &str, key: Key) {
        self.driver.query(By::Css(css)).first().await.unwrap().send_keys(key).await.unwrap();
    }

    /// The value of a field.
    pub(crate) async fn value(&self, css: &str) -> String {
        self.driver.query(By::Css(css)).first().await.unwrap().prop("value").await.unwrap().unwrap_or_default()
    }

    /// The text of the first such element.
    pub(crate) async fn text_of(&self, css: &str) -> String {
        self.driver.query(By::Css(css)).first().await.unwrap().text().await.unwrap()
    }

    /// The text of the page.
    pub(crate) async fn text(&self) -> String {
        match self.driver.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    /// Whether there is such an element now.
    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.driver.find_all(By::Css(css)).await.unwrap().is_empty()
    }

    /// Waits until an element that is there cannot be seen.
    pub(crate) async fn hidden(&self, css: &str) {
        let found = self.driver.query(By::Css(css)).and_not_displayed().first().await;
        found.unwrap_or_else(|error| panic!("`{css}` is not hidden: {error}"));
    }

    /// The page as it is now, as HTML.
    pub(crate) async fn source(&self) -> String {
        self.driver.source().await.unwrap()
    }

    /// Waits until the text of an element is another one, and returns it.
    pub(crate) async fn changed(&self, css: &str, from: &str) -> String {
        let from = from.to_owned();
        let other = self.driver.query(By::Css(css)).with_filter(move |element: WebElement| {
            let from = from.clone();
            async move { Ok(element.text().await.is_ok_and(|text| !text.is_empty() && text != from)) }
        });
        other.first().await.unwrap().text().await.unwrap()
    }

    /// The cookies of the page.
    pub(crate) async fn cookies(&self) -> Vec<Cookie> {
        self.driver.get_all_cookies().await.unwrap()
    }

    /// The cookie of the session; there is one other, which marks a browser in which its user signed in before.
    pub(crate) async fn session_cookie(&self) -> Cookie {
        let (marks, sessions): (Vec<_>, Vec<_>) =
            self.cookies().await.into_iter().partition(|cookie| cookie.name.ends_with("-known"));
        assert_eq!((marks.len(), sessions.len()), (1, 1), "{marks:?} {sessions:?}");
        assert!(marks.iter().all(|mark| mark.http_only == Some(true)), "{marks:?}");
        sessions.into_iter().next().unwrap()
    }

    /// Whether the element with this id can be reached with the tabulator key.
    pub(crate) async fn reaches(&self, id: &str) -> bool {
        let body = self.driver.find(By::Tag("body")).await.unwrap();
        for _ in 0..60 {
            self.driver.active_element().await.unwrap_or_else(|_| body.clone()).send_keys(Key::Tab).await.unwrap();
            if self.driver.active_element().await.unwrap().id().await.unwrap().as_deref() == Some(id) {
                return true;
            }
        }
        false
    }

    /// What a request with the cookies of this browser is answered.
    pub(crate) async fn fetch(&self, site: &Site, path: &str) -> reqwest::Response {
        let cookies = self.cookies().await;
        let cookies: Vec<String> = cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        client.get(format!("{}{path}", site.url)).header("cookie", cookies.join("; ")).send().await.unwrap()
    }

    /// Keeps a picture of the page, if `BYLEAVE_PICTURES` names a directory.
    pub(crate) async fn picture(&self, name: &str) {
        if let Some(directory) = std::env::var_os("BYLEAVE_PICTURES") {
            self.driver.screenshot(&Path::new(&directory).join(format!("{name}.png"))).await.unwrap();
        }
    }

    /// Claims the organization by invitation, which signs in.
    pub(crate) async fn claim(&self, site: &Site) {
        self.go(&format!("{}/invitations/{}", site.url, site.invitation)).await;
        self.fill("#password", PASSWORD).await;
        self.fill("#again", PASSWORD).await;
        self.click("button[type=submit]").await;
        self.see("h1", "Settings").await;
    }

    /// Signs in as the owner.
    pub(crate) async fn sign_in(&self, site: &Site, password: &str) {
        self.go(&format!("{}/sign-in", site.url)).await;
        self.fill("#user_name", OWNER).await;
        self.fill("#password", password).await;
        self.click("button[type=submit]").await;
    }

    /// Blocks support from the organization.
    pub(crate) async fn block(&self, site: &Site) {
        self.go(&format!("{}/settings", site.url)).await;
        self.click("#block-switch").await;
        self.see(".dialogue h1", "Block Acme Support Access to Cluster Infrastructure and Logs").await;
        self.click(".dialogue button[type=submit]").await;
        self.see(".switch[aria-checked=true]", "Block Acme Support Access").await;
    }

    /// Opens the dialogue that grants access to the cluster.
    pub(crate) async fn open_grant(&self, site: &Site) {
        self.go(&format!("{}/clusters", site.url)).await;
        self.click(&format!("#menu-{}-summary", site.orders)).await;
        self.see(&format!("#grant-{}", site.orders), "Grant Temporary Infrastructure Access to Acme Support").await;
        self.click(&format!("#grant-{}", site.orders)).await;
        self.see(".dialogue h1", "Grant Infrastructure Access to Acme Support for 24 hours").await;
    }

    /// Grants access to the cluster.
    pub(crate) async fn grant(&self, site: &Site) {
        self.open_grant(site).await;
        self.click(".dialogue button[type=submit]").await;
        self.see(".notice.done", "granted Acme support access to Orders until").await;
    }

    /// Opens the dialogue that revokes access to the cluster.
    pub(crate) async fn open_revoke(&self, site: &Site) {
        self.go(&format!("{}/clusters", site.url)).await;
        self.click(&format!("#menu-{}-summary", site.orders)).await;
        self.see(&format!("#revoke-{}", site.orders), "Revoke Temporary Infrastructure Access to Acme Support").await;
        self.click(&format!("#revoke-{}", site.orders)).await;
        self.see(".dialogue h1", "Revoke Temporary Infrastructure Access to Acme Support").await;
    }

    /// Ends the browser.
    pub(crate) async fn quit(self) {
        self.driver.quit().await.unwrap();
    }
}

/// Starts chromedriver on a port that it finds itself.
async fn chromedriver() -> (Child, u16) {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("chromedriver (Debian: apt-get install chromium chromium-driver)");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let port =
            line.rsplit_once("successfully on port ").and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok());
        if let Some(port) = port {
            // Whatever else it says must not fill the pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, port);
        }
        said.push(line);
    }
    panic!("chromedriver did not start: {said:?}");
}
