//! A browser without scripts, as far as tests of the API need one: forms and one cookie.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, Response};

use crate::house::{House, PASSWORD};

/// A browser.
pub(crate) struct Browser {
    http: Client,
    origin: String,
    cookie: String,
}

impl Browser {
    /// One that nobody has signed in with.
    pub(crate) fn new(house: &House) -> Self {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, origin: house.nobody().url(""), cookie: String::new() }
    }

    /// The same browser, whose connections come from another address of this machine.
    pub(crate) fn from(self, address: [u8; 4]) -> Self {
        let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { http: builder.local_address(std::net::IpAddr::from(address)).build().unwrap(), ..self }
    }

    /// The same browser with these cookies.
    pub(crate) fn with_cookie(self, cookie: &str) -> Self {
        Self { cookie: cookie.to_owned(), ..self }
    }

    /// Signs in, and tells where that leads.
    pub(crate) async fn sign_in(house: &House, user_name: &str, next: &str) -> (Self, String) {
        let mut browser = Self::new(house);
        let form = [("user_name", user_name), ("password", PASSWORD), ("next", next)];
        let answer = browser.post("/sign-in", &form).await;
        let header = |name| answer.headers()[name].to_str().unwrap().to_owned();
        browser.cookie = header(SET_COOKIE).split(';').next().unwrap().to_owned();
        (browser, header(LOCATION))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        let request = self.http.get(format!("{}{path}", self.origin)).header(COOKIE, &self.cookie);
        request.send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
        let request = self.http.post(format!("{}{path}", self.origin)).header(COOKIE, &self.cookie);
        let kind = "application/x-www-form-urlencoded";
        request.header("content-type", kind).header("origin", &self.origin).body(body).send().await.unwrap()
    }
}
