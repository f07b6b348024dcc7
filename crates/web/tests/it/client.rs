//! A client of the API over real HTTP: nobody, a bearer token, or a digest key that counts up on one nonce.

use std::net::SocketAddr;
use std::sync::{Mutex, Once};

use digest_auth::{AuthContext, HttpMethod, WwwAuthenticateHeader};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Who asks.
enum Credentials {
    Nobody,
    Bearer(String),
    Digest { public_key: String, private_key: String, challenge: Mutex<Option<WwwAuthenticateHeader>> },
}

/// A client.
pub(crate) struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    credentials: Credentials,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

/// A request before it is sent.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Call {
    pub(crate) fn new(method: Method, path: &str) -> Self {
        let accept = ("accept", "application/vnd.atlas.2025-03-12+json".to_owned());
        Self { method, path: path.to_owned(), headers: vec![accept], body: None }
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.headers.push(("content-type", "application/json".to_owned()));
        self.body = Some(body.into());
        self
    }

    /// The same header again takes the place of the first.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Client {
    pub(crate) fn nobody(address: SocketAddr) -> Self {
        Self::with(address, Credentials::Nobody)
    }

    pub(crate) fn bearer(address: SocketAddr, token: &str) -> Self {
        Self::with(address, Credentials::Bearer(token.to_owned()))
    }

    pub(crate) fn digest(address: SocketAddr, public_key: &str, private_key: &str) -> Self {
        let (public_key, private_key) = (public_key.to_owned(), private_key.to_owned());
        Self::with(address, Credentials::Digest { public_key, private_key, challenge: Mutex::default() })
    }

    fn with(address: SocketAddr, credentials: Credentials) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        });
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), address, credentials }
    }

    /// The credentials of a digest key.
    pub(crate) fn keys(&self) -> (&str, &str) {
        match &self.credentials {
            Credentials::Digest { public_key, private_key, .. } => (public_key, private_key),
            Credentials::Nobody | Credentials::Bearer(_) => panic!("no digest key"),
        }
    }

    /// The bearer token.
    pub(crate) fn token(&self) -> &str {
        match &self.credentials {
            Credentials::Bearer(token) => token,
            Credentials::Nobody | Credentials::Digest { .. } => panic!("no bearer token"),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Call::new(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Call::new(Method::POST, path).body(body.to_string())).await
    }

    pub(crate) async fn post_nothing(&self, path: &str) -> Answer {
        self.send(Call::new(Method::POST, path)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Call::new(Method::PATCH, path).body(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Call::new(Method::DELETE, path)).await
    }

    /// Opens a stream.
    pub(crate) async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Stream {
        let call = Call::new(Method::GET, path);
        let authorization = match &self.credentials {
            Credentials::Nobody => panic!("streams are opened by somebody"),
            Credentials::Bearer(token) => format!("Bearer {token}"),
            Credentials::Digest { challenge, .. } => {
                let refused = self.send_with(&call, None).await;
                let parsed = WwwAuthenticateHeader::parse(refused.header("www-authenticate")).unwrap();
                *challenge.lock().unwrap() = Some(parsed);
                self.respond(&call).unwrap()
            }
        };
        let mut request = self.http.get(self.url(path)).header("authorization", authorization);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        Stream { response, read: String::new() }
    }

    /// Sends a call, with an answer to the challenge if there is a digest key.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let authorization = match &self.credentials {
            Credentials::Nobody => None,
            Credentials::Bearer(token) => Some(format!("Bearer {token}")),
            Credentials::Digest { .. } => self.respond(&call),
        };
        let answer = self.send_with(&call, authorization).await;
        let Credentials::Digest { challenge, .. } = &self.credentials else { return answer };
        let Some(header) = answer.headers.get("www-authenticate") else { return answer };
        if challenge.lock().unwrap().is_some() && !header.to_str().unwrap().contains("stale=true") {
            return answer;
        }
        *challenge.lock().unwrap() = Some(WwwAuthenticateHeader::parse(header.to_str().unwrap()).unwrap());
        let authorization = self.respond(&call);
        self.send_with(&call, authorization).await
    }

    fn respond(&self, call: &Call) -> Option<String> {
        let Credentials::Digest { public_key, private_key, challenge } = &self.credentials else { return None };
        let mut challenge = challenge.lock().unwrap();
        let method = HttpMethod::from(call.method.as_str().to_owned());
        let context = AuthContext::new_with_method(public_key, private_key, &call.path, None::<&[u8]>, method);
        challenge.as_mut().map(|challenge| challenge.respond(&context).unwrap().to_string())
    }

    async fn send_with(&self, call: &Call, authorization: Option<String>) -> Answer {
        let mut request = self.http.request(call.method.clone(), self.url(&call.path));
        for (name, value) in &call.headers {
            request = request.header(HeaderName::from_static(name), value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{} {}: {error:?}", call.method, call.path));
        let (status, headers) = (response.status(), response.headers().clone());
        // A stream never ends by itself.
        let is_stream = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let bytes = if is_stream { Vec::new() } else { response.bytes().await.unwrap().to_vec() };
        let answer = Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), bytes };
        crate::described::check(&call.method, &call.path, &answer);
        answer
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {:?}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Done, with whatever body.
    #[track_caller]
    pub(crate) fn succeeds(self) {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        self.is(200)
    }

    #[track_caller]
    pub(crate) fn created(self) -> Value {
        self.is(201)
    }

    /// Done, without a body.
    #[track_caller]
    pub(crate) fn done(self) {
        assert_eq!((self.status.as_u16(), self.text.as_str()), (204, ""));
    }

    /// An error in the one shape, with this code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("x-error-code"), code);
        let body = self.json();
        assert_eq!(body["errorCode"], code, "{body}");
        assert_eq!(body["error"], status, "{body}");
        assert!(body["reason"].is_string(), "{body}");
        body["detail"].as_str().unwrap().to_owned()
    }
}

/// An open stream of events.
pub(crate) struct Stream {
    response: reqwest::Response,
    read: String,
}

impl Stream {
    /// The id and the name of the next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), self.read());
        next.await.expect("an event or the end comes in time")
    }

    async fn read(&mut self) -> Option<(String, String)> {
        loop {
            if let Some((message, rest)) = self.read.split_once("\n\n") {
                let field = |name: &str| {
                    let line = message.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start_matches(':').trim().to_owned())
                };
                let (id, event) = (field("id"), field("event"));
                self.read = rest.to_owned();
                if let (Some(id), Some(event)) = (id, event) {
                    return Some((id, event));
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok().flatten()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
