//! Who calls, and how they want to be answered: the first extractor of every handler.
//!
//! It refuses in the fixed order of the design: 401, then 406 and 415, then malformed parameters of every call. It
//! must never look at a cookie.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use byleave_api::error::ErrorCode;
use byleave_api::page::{Envelope, Link, Page};
use byleave_core::actor::Actor;
use byleave_core::network::{Network, lets_in};
use byleave_core::policy::{self, Action, Refusal, Resource};
use byleave_core::time::{Reading, Timestamp};
use byleave_store::StoreError;
use byleave_store::account::AccountId;
use byleave_store::tag::Tag;
use byleave_store::web_session::WebSession;
use serde::Serialize;

use crate::api::error::{Failure, Names, internal};
use crate::api::repeat::{self, ShownOnce, Site};
use crate::api::{json, peer, tag, version};
use crate::app::App;
use crate::auth::digest::{Credentials, Refused, Request};
use crate::auth::key::ACCESS_TOKEN;
use crate::auth::sign_in::is_fresh;
use crate::auth::token::TokenHash;
use crate::came::Came;
use crate::closing::Closing;
use crate::rate::Told;

/// A web session and the hash of its token.
pub struct SignedIn {
    /// The web session.
    pub session: WebSession,
    /// The hash of its token.
    pub token: TokenHash,
}

/// Who calls.
pub struct Caller {
    /// The state of the web, as this request sees it.
    pub app: Site,
    /// Who, as the store and the rules know them.
    pub actor: Actor,
    /// What the clocks said when the request came.
    pub now: Reading,
    /// What time that is, also while the clocks disagree: what is shown and asked of time goes by this.
    pub at: Timestamp,
    /// Their web session, if they signed in with a password.
    pub signed_in: Option<SignedIn>,
    access_token: Option<TokenHash>,
    address: Option<IpAddr>,
    version: Option<&'static str>,
    envelope: bool,
    pretty: bool,
    uri: Uri,
    origin: String,
    names: Names,
    headers: HeaderMap,
}

/// The versions of the resource of a route.
#[derive(Clone, Copy)]
pub struct Versioned(pub version::Versions);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let now = app.read_clock();
        let Known { actor, signed_in, access_token } = authenticate(app, parts, &now).await?;
        let closing = Closing::of(&parts.extensions);
        if let Some(by) = actor.by() {
            Told::tell(&parts.extensions, app.counters.caller(by, closing)?);
        }
        let version = negotiate(parts)?;
        if parts.method != Method::GET && json::has_body(&parts.headers) && closing != Closing::Door {
            check_content_type(&parts.headers)?;
        }
        let ticket = repeat::ticket(app, parts, &actor)?;
        let expectation = tag::expectation(parts)?;
        let site = Site::new(app.clone(), ticket, expectation);
        // What cannot be read is not shown either.
        let at = app.store.now(&now).await.map_or(now.wall, |judged| judged.at);
        let mut caller = Self {
            app: site,
            actor,
            now,
            at,
            signed_in,
            access_token,
            address: peer::address(&parts.extensions),
            version,
            envelope: false,
            pretty: false,
            uri: parts.uri.clone(),
            origin: origin(parts),
            names: names(parts, app).await,
            headers: parts.headers.clone(),
        };
        caller.refuse_what_is_no_text()?;
        caller.envelope = caller.flag("envelope", false)?;
        caller.pretty = caller.flag("pretty", false)?;
        Ok(caller)
    }
}

impl Caller {
    /// Awaits the store and names the things of the path in what it refuses.
    ///
    /// # Errors
    /// [`Failure`] for what the store refuses.
    pub async fn ask<T>(&self, store: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
        store.await.map_err(|error| self.failure(error))
    }

    /// What the store refused, with the names of the path.
    pub fn failure(&self, error: StoreError) -> Failure {
        Failure::from(error).naming(&self.names)
    }

    /// Whether what the caller came with would still be taken from where they are, for answers that go on. Whether a key
    /// or an account is there, and its roles, the store asks at each call. While it does not answer, nothing can be told
    /// anyway.
    pub async fn is_let_in(&self) -> bool {
        let (store, now) = (&self.app.store, self.app.read_clock());
        let from_here = |networks: &[Network]| lets_in(networks, self.address);
        let found = match (&self.signed_in, &self.access_token, &self.actor) {
            (Some(signed_in), _, _) => {
                store.web_session(*signed_in.token.as_bytes(), &now).await.map(|found| found.is_some())
            }
            (None, Some(token), _) => {
                let found = store.access_token(*token.as_bytes(), &now).await;
                found.map(|found| found.is_some_and(|facts| from_here(&facts.networks)))
            }
            (None, None, Actor::ApiKey { id, .. }) => {
                store.networks_of(AccountId::ApiKey(*id)).await.map(|networks| from_here(&networks))
            }
            (
                None,
                None,
                Actor::Administrator
                | Actor::Employee { .. }
                | Actor::ServiceAccount { .. }
                | Actor::System
                | Actor::User { .. },
            ) => Ok(true),
        };
        found.unwrap_or(true)
    }

    /// Asks the rules before the body is read, and for what opens the door whether the password was given lately. The
    /// store asks the same rules again inside its transaction.
    ///
    /// # Errors
    /// [`Failure`] 403, or 404 for what the caller may not know of.
    pub fn may(&self, action: Action, resource: Resource) -> Result<(), Failure> {
        self.must(action, resource)?;
        match &self.signed_in {
            Some(SignedIn { session, .. }) if action.needs_fresh_sign_in() && !is_fresh(session.fresh_at, self.at) => {
                Err(Failure::new(
                    ErrorCode::SignInAgain,
                    "this needs the password again: POST /api/byleave/v1/session/refresh, then repeat the request",
                ))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Asks the rules, however long ago the password was given: for looking only.
    ///
    /// # Errors
    /// [`Failure`] 403, or 404 for what the caller may not know of.
    pub fn must(&self, action: Action, resource: Resource) -> Result<(), Failure> {
        match policy::may(&self.actor, action, resource) {
            Ok(()) => Ok(()),
            Err(Refusal::Forbidden) => Err(Failure::forbidden()),
            Err(Refusal::NotVisible) => Err(self.hidden(resource)),
        }
    }

    fn hidden(&self, resource: Resource) -> Failure {
        match resource {
            Resource::Installation => Failure::not_found(self.uri.path()),
            Resource::Organization(_) => Failure::new(ErrorCode::OrgNotFound, "").naming(&self.names),
            Resource::Project(..) => Failure::new(ErrorCode::GroupNotFound, "").naming(&self.names),
        }
    }

    /// What a path says that has nothing behind it.
    pub fn nothing_here(&self) -> Failure {
        Failure::not_found(self.uri.path())
    }

    /// An object, with this status.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be written, which no type here does.
    pub fn object<T: Serialize>(&self, status: StatusCode, value: &T) -> Result<Response, Failure> {
        if self.envelope {
            self.write(status, &Envelope { status: status.as_u16(), content: value })
        } else {
            self.write(status, value)
        }
    }

    /// An object that shows a secret, which is never shown again.
    ///
    /// # Errors
    /// As [`Caller::object`].
    pub fn shown_once<T: Serialize>(&self, status: StatusCode, value: &T) -> Result<Response, Failure> {
        let mut answer = self.object(status, value)?;
        answer.extensions_mut().insert(ShownOnce);
        Ok(answer)
    }

    /// An object, with 200.
    ///
    /// # Errors
    /// As [`Caller::object`].
    pub fn ok<T: Serialize>(&self, value: &T) -> Result<Response, Failure> {
        self.object(StatusCode::OK, value)
    }

    /// An object with its tag; nothing if the caller has it already. For what the tag tells whole.
    ///
    /// # Errors
    /// As [`Caller::object`].
    pub fn tagged<T: Serialize>(&self, tag: &Tag, value: &T) -> Result<Response, Failure> {
        Ok(tag::tagged(tag, &self.headers, self.ok(value)?))
    }

    /// An object with the tag of what can be changed of it.
    ///
    /// # Errors
    /// As [`Caller::object`].
    pub fn with_tag<T: Serialize>(&self, tag: &Tag, value: &T) -> Result<Response, Failure> {
        Ok(tag::with(tag, self.ok(value)?))
    }

    /// A page of a list.
    ///
    /// # Errors
    /// As [`Caller::object`].
    pub fn list<T: Serialize>(&self, page: &Page<T>) -> Result<Response, Failure> {
        #[derive(Serialize)]
        struct Enveloped<'a, T> {
            status: u16,
            #[serde(flatten)]
            page: &'a Page<T>,
        }
        if self.envelope {
            self.write(StatusCode::OK, &Enveloped { status: 200, page })
        } else {
            self.write(StatusCode::OK, page)
        }
    }

    /// Done, and nothing to say.
    pub fn done(&self) -> Response {
        (StatusCode::NO_CONTENT, [(header::CONTENT_TYPE, self.content_type())]).into_response()
    }

    fn write<T: Serialize>(&self, status: StatusCode, value: &T) -> Result<Response, Failure> {
        let text = if self.pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
        let text = text.map_err(|error| {
            tracing::error!(%error, "answer cannot be written");
            internal()
        })?;
        let headers = [
            (header::CONTENT_TYPE, self.content_type()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        Ok((status, headers, text).into_response())
    }

    fn content_type(&self) -> HeaderValue {
        let text = self.version.map(|version| format!("application/vnd.atlas.{version}+json;charset=utf-8"));
        text.and_then(|text| HeaderValue::from_str(&text).ok())
            .unwrap_or(HeaderValue::from_static("application/json;charset=utf-8"))
    }

    /// The address of this path, without its query.
    pub fn here(&self) -> String {
        format!("{}{}", self.origin, self.uri.path())
    }

    /// The path that was asked for.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// A link to a path of this server.
    pub fn link(&self, path: &str, rel: &str) -> Link {
        Link { href: format!("{}{path}", self.origin), rel: rel.to_owned() }
    }

    /// The address of a page of this server that is handed on to people.
    pub fn public(&self, path: &str) -> String {
        match &self.app.public_url {
            Some(url) => url.join(path),
            None => format!("{}{path}", self.origin),
        }
    }

    /// The query as it came.
    pub fn raw_query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// Refuses a query that is no UTF-8.
    fn refuse_what_is_no_text(&self) -> Result<(), Failure> {
        let is_text = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().is_ok();
        match self.raw_query().split('&').find(|pair| !is_text(pair)) {
            None => Ok(()),
            Some(pair) => {
                let name = pair.split('=').next().filter(|name| is_text(name)).unwrap_or("query");
                Err(Failure::field(ErrorCode::InvalidQueryParameter, name, "must be UTF-8"))
            }
        }
    }

    /// The values of a parameter of the query; a value may hold several, separated by commas.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        self.raw_query()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, _)| decode(key) == name)
            .map(|(_, value)| decode(value))
            .collect()
    }

    /// A parameter that may be given once.
    ///
    /// # Errors
    /// [`Failure`] if it is given more often.
    pub fn parameter(&self, name: &str) -> Result<Option<String>, Failure> {
        let mut values = self.parameters(name);
        let value = values.pop();
        if values.is_empty() {
            Ok(value)
        } else {
            Err(Failure::field(ErrorCode::InvalidQueryParameter, name, "is given twice"))
        }
    }

    /// A parameter that is `true` or `false`.
    ///
    /// # Errors
    /// [`Failure`] for anything else.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Failure> {
        match self.parameter(name)?.as_deref() {
            None => Ok(default),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(_) => Err(Failure::field(ErrorCode::InvalidQueryParameter, name, "must be true or false")),
        }
    }
}

/// Somebody whose credentials are right, and what of these can end before they do.
struct Known {
    actor: Actor,
    signed_in: Option<SignedIn>,
    access_token: Option<TokenHash>,
}

impl From<Actor> for Known {
    fn from(actor: Actor) -> Self {
        Self { actor, signed_in: None, access_token: None }
    }
}

/// Finds out who calls.
async fn authenticate(app: &App, parts: &Parts, now: &Reading) -> Result<Known, Failure> {
    let refuse = |stale: bool| Failure::unauthorized(app.digest.challenge(stale, now.since_boot));
    let wrong = || app.counters.stranger(&parts.extensions).map_or_else(Failure::from, |()| refuse(false));
    let address = peer::address(&parts.extensions);
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refuse(false)) };
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(|| refuse(false))?;
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => bearer(app, rest.trim(), address, now).await?.ok_or_else(wrong),
        "digest" => {
            let credentials = Credentials::read(rest, app.digest.algorithm()).ok_or_else(|| refuse(false))?;
            digest(app, &credentials, parts, now).await?.map(Known::from).map_err(|refused| match refused {
                Refused::Stale => refuse(true),
                Refused::Wrong => wrong(),
            })
        }
        _ => Err(refuse(false)),
    }
}

async fn bearer(app: &App, text: &str, address: Option<IpAddr>, now: &Reading) -> Result<Option<Known>, Failure> {
    let token = TokenHash::of(text);
    if token.is(&app.administrator) {
        return Ok(Some(Actor::Administrator.into()));
    }
    if text.starts_with(ACCESS_TOKEN) {
        let Some(facts) = app.store.access_token(*token.as_bytes(), now).await? else { return Ok(None) };
        peer::check(&facts.networks, address)?;
        return Ok(Some(Known { access_token: Some(token), ..facts.actor.into() }));
    }
    let session = app.store.web_session(*token.as_bytes(), now).await?;
    Ok(session.map(|session| {
        let actor = session.actor.clone();
        Known { signed_in: Some(SignedIn { session, token }), ..actor.into() }
    }))
}

async fn digest(
    app: &App,
    credentials: &Credentials,
    parts: &Parts,
    now: &Reading,
) -> Result<Result<Actor, Refused>, Failure> {
    let facts = app.store.api_key(&credentials.username).await?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let request = Request { method: parts.method.as_str(), target };
    let ha1 = facts.as_ref().map(|facts| app.digest.ha1_of(&facts.ha1));
    let checked = app.digest.check(credentials, &request, ha1, now.since_boot);
    match checked.and_then(|()| facts.ok_or(Refused::Wrong)) {
        Ok(facts) => {
            let (actor, networks) = app.store.api_key_actor(&facts).await?;
            peer::check(&networks, peer::address(&parts.extensions))?;
            Ok(Ok(actor))
        }
        Err(refused) => Ok(Err(refused)),
    }
}

fn negotiate(parts: &Parts) -> Result<Option<&'static str>, Failure> {
    let versions = parts.extensions.get::<Versioned>().map_or(version::NONE, |versioned| versioned.0);
    if versions.is_empty() {
        return Ok(None);
    }
    match version::choose(&parts.headers, versions) {
        Some(version) => Ok(Some(version)),
        None => Err(Failure::new(ErrorCode::InvalidVersionDate, "Invalid accept header or version date.")),
    }
}

/// Refuses a body that says that it is no JSON.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Failure> {
    let given = headers.get(header::CONTENT_TYPE);
    if given.is_none_or(|value| value.to_str().is_ok_and(version::is_json)) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::UnsupportedMediaType,
        "the media type of the body must be application/json or application/vnd.atlas.<date>+json",
    ))
}

/// Scheme and host as the caller wrote them, for links that only this caller reads.
fn origin(parts: &Parts) -> String {
    let is_secure = parts.extensions.get::<Came>().is_some_and(|came| came.is_secure);
    let scheme = if is_secure { "https" } else { "http" };
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.filter(|host| host.parse::<axum::http::uri::Authority>().is_ok());
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}

async fn names(parts: &mut Parts, app: &Arc<App>) -> Names {
    let mut names = Names::default();
    let Ok(parameters) = RawPathParams::from_request_parts(parts, app).await else { return names };
    for (key, value) in &parameters {
        let value = value.to_owned();
        match key {
            "orgId" => names.organization = Some(value),
            "groupId" => names.group = Some(value),
            "clusterName" => names.cluster = Some(value),
            "orgAndVerb" => {
                names.organization = value.rsplit_once(':').map(|(organization, _)| organization.to_owned());
            }
            "clusterAndVerb" => {
                names.cluster = Some(value.rsplit_once(':').map_or(value.clone(), |(name, _)| name.to_owned()));
            }
            // The first is what the path is about; what follows belongs to it.
            _ => names.other = names.other.or(Some(value)),
        }
    }
    names
}
