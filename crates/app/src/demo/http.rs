//! The demo's REST calls: JSON there and back, mostly under `/api/byleave/v1`, errors as the server words them.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use reqwest::Method;
use serde_json::Value;

/// Somebody who calls the REST API.
#[derive(Clone)]
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Http {
    /// Calls with a bearer token.
    pub(super) fn new(server: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { client, base: format!("http://{server}"), token: Some(token.to_owned()) })
    }

    /// The same server, as nobody.
    pub(super) fn anonymous(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// The same server, as somebody else.
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Where the server is, as a URL.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Acts.
    pub(super) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Changes.
    pub(super) async fn patch(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    /// Acts on one of Atlas's paths.
    pub(super) async fn post_atlas(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call_at("/api/atlas/v2", Method::POST, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        self.call_at("/api/byleave/v1", method, path, body).await
    }

    async fn call_at(&self, below: &str, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}{below}{path}", self.base);
        let request = self.client.request(method.clone(), &url);
        let mut request = request.header("accept", "application/vnd.atlas.2024-08-05+json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {text}");
        }
        if text.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&text)?) }
    }
}

/// A text in an answer.
pub(super) fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("the server's answer has no `{pointer}`: {answer}"))
}
