//! The REST API from the caller's side: requests, answers, and what an error answer means for a script.
//!
//! Secrets go to `https`, or to this machine; nothing follows a redirect with them.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use byleave_api::byleave::{Health, PasswordRequest};
use byleave_api::error::{ErrorCode, FieldViolation};
use byleave_api::path::{ATLAS, BYLEAVE, REQUEST_KEY, is_settings, takes_key};
use reqwest::{Method, StatusCode, Url, header};
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Global;
use super::credentials::Credentials;
use super::digest::Challenge;
use super::fault::{Exit, Fault, Outcome};
use super::oauth;
use super::retry::Retries;
use super::sign_in::password;
use super::trust::{authorities, distrust};
use crate::entropy::{SystemEntropy, draw};

/// How long an answer may take: a grant waits for the disk, a node check for a node.
const PATIENCE: Duration = Duration::from_secs(60);

/// The version of Atlas's API that is asked for.
pub(crate) const ATLAS_JSON: &str = "application/vnd.atlas.2025-03-12+json";

/// Somebody who calls one server.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
    credentials: Credentials,
    /// The latest challenge for an API key; a nonce serves several requests.
    challenge: RefCell<Option<Challenge>>,
}

/// What is sent.
pub(crate) struct Request<'a> {
    /// The method.
    pub(crate) method: Method,
    /// The path, with query.
    pub(crate) path: String,
    /// The media type that is asked for.
    pub(crate) accept: &'a str,
    /// The body, JSON.
    pub(crate) body: Option<Vec<u8>>,
    /// The tag that what is changed must still have.
    pub(crate) tag: Option<String>,
}

impl Request<'_> {
    /// Whether the server carries it out once under a key, however often it is sent.
    pub(super) fn takes_key(&self) -> bool {
        self.method == Method::POST && takes_key(self.method.as_str(), &self.path)
    }

    /// Whether it says nothing but to block.
    pub(super) fn blocks(&self) -> bool {
        let body = self.body.as_deref().and_then(|body| serde_json::from_slice::<serde_json::Value>(body).ok());
        self.method == Method::PATCH
            && is_settings(&self.path)
            && body == Some(serde_json::json!({ "restrictEmployeeAccess": true }))
    }
}

/// What came back.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// How long the server asks to wait before the same is tried again.
    pub(crate) retry_after: Option<Duration>,
}

/// Why there is no answer, and whether that is because the connection was lost.
struct Lost {
    fault: Fault,
    is_loss: bool,
    /// Whether the server may have had the request.
    was_sent: bool,
}

impl From<Fault> for Lost {
    fn from(fault: Fault) -> Self {
        Self { fault, is_loss: false, was_sent: false }
    }
}

impl Client {
    /// A client for the server and credentials of the command line.
    ///
    /// # Errors
    /// If the address is none, or would carry a secret in the clear over a network.
    pub(crate) fn new(global: &Global, credentials: Credentials) -> Outcome<Self> {
        let server = server(&global.server)?;
        // Set once for the process; it is fine if somebody was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let local = is_local(&server);
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent(concat!("byleave/", env!("CARGO_PKG_VERSION")));
        let builder = match &global.tls_ca {
            Some(file) => builder.tls_certs_merge(authorities(file)?),
            None => builder,
        };
        let builder = if local { builder.no_proxy() } else { builder };
        let http = builder.build().context("cannot set up the HTTP client")?;
        Ok(Self { http, server, credentials, challenge: RefCell::new(None) })
    }

    /// The same, with a token in place of a service account's secret.
    ///
    /// # Errors
    /// If there is none for it.
    pub(crate) async fn with_token(mut self) -> Outcome<Self> {
        if let Credentials::Account(account) = &self.credentials {
            self.credentials = Credentials::Bearer(oauth::token(&self.http, &self.server, account).await?);
        }
        Ok(self)
    }

    /// Who asks, for people.
    pub(crate) fn who(&self) -> String {
        self.credentials.who()
    }

    /// Whether the administrator's token is sent.
    pub(crate) const fn is_administrator(&self) -> bool {
        matches!(self.credentials, Credentials::Administrator(_))
    }

    /// The server's address, without a final slash.
    pub(crate) fn server(&self) -> &str {
        self.server.as_str().trim_end_matches('/')
    }

    /// Whether the server is asked by an address that is good on this machine only.
    pub(crate) fn is_local(&self) -> bool {
        is_local(&self.server)
    }

    /// The same server, asked as nobody.
    pub(crate) fn anonymous(&self) -> Self {
        let (http, server) = (self.http.clone(), self.server.clone());
        Self { http, server, credentials: Credentials::None, challenge: RefCell::new(None) }
    }

    /// Reads something under `/api/byleave/v1`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.json::<(), T>(Method::GET, path, None).await
    }

    /// Asks whether the server can work, which also a server that cannot answers.
    pub(crate) async fn ready(&self) -> Outcome<Health> {
        let path = format!("{BYLEAVE}/ready");
        let request = Request { method: Method::GET, path, accept: "application/json", body: None, tag: None };
        let answer = self.send(&request).await?;
        match (answer.status, serde_json::from_slice(&answer.body)) {
            (StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE, Ok(health)) => Ok(health),
            _ => Err(self.refusal(&request, &answer)),
        }
    }

    /// Does something under `/api/byleave/v1` that needs no body.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.json::<(), T>(Method::POST, path, None).await
    }

    /// Does something under `/api/byleave/v1`.
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Outcome<T> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// Does something under `/api/byleave/v1` if what it changes still has this tag.
    pub(crate) async fn post_if<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
        tag: Option<String>,
    ) -> Outcome<T> {
        let body = Some(serde_json::to_vec(body).context("the request has no JSON form")?);
        let path = format!("{BYLEAVE}{path}");
        self.read(&Request { method: Method::POST, path, accept: "application/json", body, tag }).await
    }

    /// Changes something under `/api/byleave/v1`.
    pub(crate) async fn patch<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Outcome<T> {
        self.json(Method::PATCH, path, Some(body)).await
    }

    /// Removes something under `/api/byleave/v1`.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.json::<(), T>(Method::DELETE, path, None).await
    }

    async fn json<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Outcome<T> {
        let body = body.map(serde_json::to_vec).transpose().context("the request has no JSON form")?;
        let path = format!("{BYLEAVE}{path}");
        self.read(&Request { method, path, accept: "application/json", body, tag: None }).await
    }

    /// Calls a path below Atlas's.
    pub(crate) async fn atlas<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Outcome<T> {
        let body = body.map(serde_json::to_vec).transpose().context("the request has no JSON form")?;
        let path = format!("{ATLAS}{path}");
        self.read(&Request { method, path, accept: ATLAS_JSON, body, tag: None }).await
    }

    /// Sends a request and reads the answer of a success.
    async fn read<T: DeserializeOwned>(&self, request: &Request<'_>) -> Outcome<T> {
        let answer = self.expect(request).await?;
        // An empty answer is read as `null`, for callers that expect nothing.
        let body = if answer.body.is_empty() { b"null".as_slice() } else { &answer.body };
        let read = serde_json::from_slice(body);
        Ok(read.with_context(|| format!("{} {}: the server's answer has another form", request.method, request.path))?)
    }

    /// Sends a request and takes only success.
    ///
    /// # Errors
    /// What the server said, with the exit code that fits.
    pub(crate) async fn expect(&self, request: &Request<'_>) -> Outcome<Answer> {
        let answer = self.ask(request).await?;
        self.judge(request, answer)
    }

    /// Sends a request; a second time if the server wants the password again and somebody has typed it.
    ///
    /// # Errors
    /// If the server cannot be reached, or the password is refused.
    pub(crate) async fn ask(&self, request: &Request<'_>) -> Outcome<Answer> {
        let answer = self.send(request).await?;
        if !self.wants_password(&answer) {
            return Ok(answer);
        }
        self.give_password().await?;
        self.send(request).await
    }

    /// Whether the server wants the password again, and somebody is there to type it.
    fn wants_password(&self, answer: &Answer) -> bool {
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        said.error_code.as_deref() == Some(ErrorCode::SignInAgain.as_str())
            && matches!(self.credentials, Credentials::SignedIn(_))
            && std::io::stdin().is_terminal()
    }

    /// Asks for the password, which opening the door needs afresh, and hands it over.
    async fn give_password(&self) -> Outcome<()> {
        let password = password("Your password, as this opens the door: ", false)?;
        let body = serde_json::to_vec(&PasswordRequest { password }).context("the password has no JSON form")?;
        let path = format!("{BYLEAVE}/session/refresh");
        let request = Request { method: Method::POST, path, accept: "application/json", body: Some(body), tag: None };
        let answer = self.send(&request).await?;
        self.judge(&request, answer).map(|_| ())
    }

    /// Takes an answer that says success.
    ///
    /// # Errors
    /// What the server said, with the exit code that fits.
    pub(crate) fn judge(&self, request: &Request<'_>, answer: Answer) -> Outcome<Answer> {
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(request, &answer)) }
    }

    /// Sends a request, with the credentials of the command line.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub(crate) async fn send(&self, request: &Request<'_>) -> Outcome<Answer> {
        let mut retries = Retries::new(request);
        // All tries of a request are one request.
        let once = request.takes_key().then(|| hex::encode(draw::<16>(&SystemEntropy)));
        loop {
            let wait = match self.send_once(request, once.as_deref()).await {
                Ok(answer) => match retries.after_answer(&answer) {
                    Some(wait) => wait,
                    None => return Ok(retries.settle(answer)),
                },
                Err(Lost { fault, is_loss, was_sent }) => match retries.after_loss(was_sent).filter(|_| is_loss) {
                    Some(wait) => wait,
                    None => return Err(fault),
                },
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, request: &Request<'_>, once: Option<&str>) -> Result<Answer, Lost> {
        let Credentials::Key(key) = &self.credentials else {
            return self
                .send_with(request, once, self.credentials.bearer().map(|token| format!("Bearer {token}")))
                .await
                .map(|(answer, _)| answer);
        };
        let url = self.url(&request.path)?;
        let uri = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let answer_challenge = |challenge: &mut Option<Challenge>| {
            challenge.as_mut().map(|c| c.answer(key, request.method.as_str(), &uri, &SystemEntropy))
        };
        let authorization = answer_challenge(&mut self.challenge.borrow_mut());
        let (answer, asked) = self.send_with(request, once, authorization.clone()).await?;
        let Some(asked) = asked.filter(|_| answer.status == StatusCode::UNAUTHORIZED) else { return Ok(answer) };
        // Without a nonce this was only the question for one; with one, the nonce may just have grown old.
        if authorization.is_some() && !asked.stale {
            return Ok(answer);
        }
        *self.challenge.borrow_mut() = Some(asked.challenge);
        let authorization = answer_challenge(&mut self.challenge.borrow_mut());
        Ok(self.send_with(request, once, authorization).await?.0)
    }

    async fn send_with(
        &self,
        request: &Request<'_>,
        once: Option<&str>,
        authorization: Option<String>,
    ) -> Result<(Answer, Option<Asked>), Lost> {
        let mut builder = self.http.request(request.method.clone(), self.url(&request.path)?);
        builder = builder.header(header::ACCEPT, request.accept);
        if let Some(once) = once {
            builder = builder.header(REQUEST_KEY, once);
        }
        if let Some(tag) = &request.tag {
            builder = builder.header(header::IF_MATCH, format!("\"{tag}\""));
        }
        // A key's first request only asks for a challenge: it needs no body.
        let asks = matches!(self.credentials, Credentials::Key(_)) && authorization.is_none();
        if let Some(body) = request.body.as_ref().filter(|_| !asks) {
            builder = builder.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(authorization) = authorization {
            builder = builder.header(header::AUTHORIZATION, authorization);
        }
        let sent = builder.send().await.map_err(|error| self.unreachable(error))?;
        let asked =
            sent.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).and_then(Asked::read);
        let status = sent.status();
        let retry_after = sent.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = sent.bytes().await.map_err(|error| self.unreachable(error))?;
        Ok((Answer { status, body: body.to_vec(), retry_after: retry_after.map(Duration::from_secs) }, asked))
    }

    fn url(&self, path: &str) -> Outcome<Url> {
        self.server.join(path).map_err(|error| Fault::usage(format!("the path `{path}` cannot be asked for: {error}")))
    }

    fn unreachable(&self, error: reqwest::Error) -> Lost {
        let (is_late, distrust, was_sent) = (error.is_timeout(), distrust(&error), !error.is_connect());
        let error = anyhow::Error::new(error.without_url()).context(format!("no answer from `{}`", self.server()));
        let fault = Fault { exit: Exit::Unavailable, ..Fault::from(error) }
            .advise(distrust.unwrap_or(
                "is the server running (`byleave serve`)? name another one with --server or BYLEAVE_SERVER",
            ));
        Lost { fault, is_loss: !is_late && distrust.is_none(), was_sent }
    }

    /// What an error answer comes to for whoever typed the command.
    pub(crate) fn refusal(&self, request: &Request<'_>, answer: &Answer) -> Fault {
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        let exit = match answer.status.as_u16() {
            401 | 403 => Exit::Denied,
            404 => Exit::NotFound,
            429 | 502..=504 => Exit::Unavailable,
            _ => Exit::Failure,
        };
        let mut text = match said.detail {
            Some(detail) => detail,
            None => format!("{} {} answered {}", request.method, request.path, answer.status),
        };
        for violation in said.bad_request_detail.into_iter().flat_map(|detail| detail.fields) {
            let told = format!("`{}`: {}", violation.field, violation.description);
            // Where there is only one, the text is made of it.
            if !(text.contains(&violation.field) && text.contains(violation.description.trim_end_matches('.'))) {
                text.push_str(&format!("\n{told}"));
            }
        }
        let fault = Fault::new(exit, text.trim_end_matches('.'));
        match self.advice(answer.status, said.error_code.as_deref()) {
            Some(advice) => fault.advise(advice),
            None => fault,
        }
    }

    fn advice(&self, status: StatusCode, code: Option<&str>) -> Option<String> {
        if code == Some(ErrorCode::SignInAgain.as_str()) {
            return Some(
                "your password was asked more than 5 minutes ago: run `byleave sign-in` and try again".to_owned(),
            );
        }
        match status {
            StatusCode::UNAUTHORIZED => Some(self.credentials.unknown(self.is_local())),
            StatusCode::FORBIDDEN => Some(self.credentials.forbidden()),
            _ => None,
        }
    }
}

/// A challenge, and whether it came only because the nonce grew old.
struct Asked {
    challenge: Challenge,
    stale: bool,
}

impl Asked {
    fn read(header: &str) -> Option<Self> {
        let stale = header.to_ascii_lowercase().contains("stale=true");
        Challenge::parse(header).map(|challenge| Self { challenge, stale })
    }
}

/// What an error answer says. Read more loosely than the API's own type: a newer server may know more codes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Said {
    detail: Option<String>,
    error_code: Option<String>,
    bad_request_detail: Option<Violations>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Violations {
    fields: Vec<FieldViolation>,
}

/// Reads the server's address.
///
/// Whoever asks: also nobody's call may carry a password, an invitation or an API key that was just made.
fn server(text: &str) -> Outcome<Url> {
    let fault = |why: &str| Fault::usage(format!("--server `{text}` {why}"));
    let url = Url::parse(text).map_err(|error| fault(&format!("is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(fault("must begin with https:// (or http:// on this machine)"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.path() != "/" || url.query().is_some() {
        return Err(fault("must be a scheme, a host and a port, and nothing else"));
    }
    if url.scheme() == "http" && !is_local(&url) {
        return Err(fault("is plain http to another machine: secrets would travel in the clear").advise("use https://"));
    }
    Ok(url)
}

/// Whether a server's address is good on this machine only.
pub(super) fn is_local_address(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| is_local(&url))
}

/// Whether an address is on this machine.
fn is_local(url: &Url) -> bool {
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some("localhost") => true,
        Some(host) => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_never_travel_in_the_clear() {
        for fine in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080", "https://byleave.example"] {
            assert!(server(fine).is_ok(), "{fine}");
        }
        for open in ["http://byleave.example", "http://192.0.2.2:18099"] {
            assert_eq!(server(open).unwrap_err().exit, Exit::Usage, "{open}");
        }
        for bad in ["byleave.example", "ftp://x", "https://u:p@x", "https://x/path", ""] {
            assert_eq!(server(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }
}
