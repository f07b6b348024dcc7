//! OAuth 2.0 client credentials (RFC 6749 section 4.4) and revocation (RFC 7009) for service accounts.
//!
//! An unknown client, a wrong secret and a secret that is over look alike and cost the same. Errors are in the words of the
//! RFC, but for what goes wrong before anybody reads the form.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use byleave_api::atlas::account::{OAuthError, OAuthToken};
use byleave_api::error::ErrorCode;
use byleave_core::actor::By;
use byleave_core::id::{SecretId, ServiceAccountId};
use byleave_core::network::lets_in;
use byleave_core::service_account::SECRETS;
use byleave_core::time::{Reading, SECOND};
use byleave_store::StoreError;
use byleave_store::access_token::ClientFacts;
use byleave_store::account::AccountId;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::peer;
use crate::api::version::NONE;
use crate::app::App;
use crate::auth::key::draw_access_token;
use crate::auth::token::TokenHash;
use crate::closing::Closing;
use crate::rate::Told;

routes! {
    POST "/api/oauth/token" as ["/api/oauth/token"] => crate::api::oauth::token, NONE;
    POST "/api/oauth/revoke" as ["/api/oauth/revoke"] => crate::api::oauth::revoke, NONE;
}

/// Issues a token for the right secret of a service account.
pub(super) async fn token(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let now = app.read_clock();
    let extensions = request.extensions().clone();
    let (form, client) = read(&app, request).await?;
    let (_, secret) = authenticate(&app, client, &extensions, &now).await?;
    match form.once("grant_type")?.as_deref().map(String::as_str) {
        Some("client_credentials") => {}
        Some(_) => return Err(Refused::oauth("unsupported_grant_type", "grant_type must be client_credentials")),
        None => return Err(Refused::oauth("invalid_request", "grant_type is required")),
    }
    if form.once("scope")?.is_some_and(|scope| !scope.is_empty()) {
        return Err(Refused::oauth("invalid_scope", "there are no scopes here: a token has the roles of its account"));
    }
    let token = draw_access_token(app.entropy.as_ref());
    let issued = app.store.issue_token(secret, *token.hash().as_bytes(), &now).await;
    let (at, until) = match issued {
        Ok(times) => times,
        Err(StoreError::NotFound(_)) => return Err(Refused::Client),
        Err(error) => return Err(error.into()),
    };
    let expires_in = (until.since(at) / SECOND).max(1);
    let access_token = token.reveal().to_owned();
    Ok(answer(StatusCode::OK, &OAuthToken { access_token, expires_in, token_type: "Bearer".to_owned() }))
}

/// Revokes a token of the service account that asks; any other token is no matter.
pub(super) async fn revoke(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refused> {
    let now = app.read_clock();
    let extensions = request.extensions().clone();
    let (form, client) = read(&app, request).await?;
    let (account, _) = authenticate(&app, client, &extensions, &now).await?;
    form.once("token_type_hint")?;
    let token = form.once("token")?.filter(|token| !token.is_empty());
    let token = token.ok_or(Refused::oauth("invalid_request", "token is required"))?;
    app.store.revoke_token(account, *TokenHash::of(&token).as_bytes(), &now).await?;
    Ok(StatusCode::OK.into_response())
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Refused {
    /// The client is unknown, or its secret is not right.
    Client,
    /// Anything before the form is read, and whatever the store cannot do.
    Failure(Failure),
    /// In the words of the RFC, with status 400.
    OAuth(&'static str, String),
}

impl Refused {
    fn oauth(error: &'static str, text: impl Into<String>) -> Self {
        Self::OAuth(error, text.into())
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = |error: &str, text: String| OAuthError { error: error.to_owned(), error_description: text };
        match self {
            Self::Failure(failure) => failure.into_response(),
            Self::OAuth(code, text) => answer(StatusCode::BAD_REQUEST, &error(code, text)),
            Self::Client => {
                let text = "the client id or the secret is wrong, or the secret is over".to_owned();
                let mut response = answer(StatusCode::UNAUTHORIZED, &error("invalid_client", text));
                let challenge = HeaderValue::from_static("Basic realm=\"MMS Public API\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
        }
    }
}

fn answer<T: serde::Serialize>(status: StatusCode, body: &T) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(body)).into_response()
}

/// A form whose fields come once.
struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescape(key)?.to_string(), unescape(value)?))
        });
        pairs.collect::<Option<_>>().map(Self)
    }

    fn once(&self, name: &str) -> Result<Option<Zeroizing<String>>, Refused> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone());
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(Refused::oauth("invalid_request", format!("{name} is given twice"))),
        }
    }
}

/// Decodes one escaped text; `None` if it is no UTF-8.
fn unescape(text: &str) -> Option<Zeroizing<String>> {
    let text = Zeroizing::new(text.replace('+', " "));
    percent_encoding::percent_decode_str(&text).decode_utf8().ok().map(|text| Zeroizing::new(text.into_owned()))
}

/// A client id and a secret.
type Credentials = (Zeroizing<String>, Zeroizing<String>);

/// Who says to ask, and from where.
struct Client {
    id: Zeroizing<String>,
    secret: Zeroizing<String>,
    address: Option<IpAddr>,
}

/// Reads the form, and the client's credentials from it or from the header, never from both.
async fn read(app: &App, request: Request) -> Result<(Form, Client), Refused> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let text = "the media type of the body must be application/x-www-form-urlencoded";
        return Err(Failure::new(ErrorCode::UnsupportedMediaType, text).into());
    }
    let broken = |failure: Failure| match failure.code() == ErrorCode::InvalidJson {
        true => Refused::oauth("invalid_request", "the body did not come whole and in time"),
        false => failure.into(),
    };
    let bytes = Zeroizing::new(Raw::from(body).bytes(app.limits.body).await.map_err(broken)?);
    let form = Form::parse(&bytes).ok_or(Refused::oauth("invalid_request", "the body is no form in UTF-8"))?;
    let (id, secret) = (form.once("client_id")?, form.once("client_secret")?);
    let address = peer::address(&parts.extensions);
    let (id, secret) = match basic(&parts.headers)? {
        None => (id.ok_or(Refused::Client)?, secret.ok_or(Refused::Client)?),
        Some(_) if secret.is_some() => {
            return Err(Refused::oauth("invalid_request", "the client authenticates in the header and in the form"));
        }
        Some((named, _)) if id.is_some_and(|id| id != named) => {
            return Err(Refused::oauth("invalid_request", "client_id is not the client of the header"));
        }
        Some(credentials) => credentials,
    };
    Ok((form, Client { id, secret, address }))
}

/// The credentials of HTTP Basic, escaped or not: neither ids nor secrets hold a character that escaping changes.
fn basic(headers: &HeaderMap) -> Result<Option<Credentials>, Refused> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next(), values.next()) else { return Err(Refused::Client) };
    let Some(value) = value else { return Ok(None) };
    let (scheme, rest) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refused::Client)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refused::Client);
    }
    let bytes = Zeroizing::new(STANDARD.decode(rest.trim()).map_err(|_| Refused::Client)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| Refused::Client)?;
    let (id, secret) = text.split_once(':').ok_or(Refused::Client)?;
    unescape(id).zip(unescape(secret)).map(Some).ok_or(Refused::Client)
}

/// Finds the secret that was given, in constant time, and counts the request. The work is the same for a client that is
/// not there; nobody else can use up what a client has.
async fn authenticate(
    app: &App,
    client: Client,
    extensions: &Extensions,
    now: &Reading,
) -> Result<(ServiceAccountId, SecretId), Refused> {
    let account = ServiceAccountId::from_client_id(&client.id);
    let asked = account.clone().unwrap_or(ServiceAccountId::from_bytes([0; 12]));
    let facts = app.store.client_facts(asked, now).await?;
    let found = right(&facts, &TokenHash::of(&client.secret));
    let (Ok(account), Some(secret)) = (account, found) else { return Err(Refused::Client) };
    let left = app.counters.caller(By::ServiceAccount(account), Closing::Nothing).map_err(Failure::from)?;
    Told::tell(extensions, left);
    let networks = app.store.networks_of(AccountId::ServiceAccount(account)).await?;
    if !lets_in(&networks, client.address) {
        return Err(Refused::oauth(
            "unauthorized_client",
            "the address is not on the access list of the service account",
        ));
    }
    Ok((account, secret))
}

/// The secret that was given, if it is one of them. As many are compared as an account can have, whatever it has.
fn right(facts: &ClientFacts, given: &TokenHash) -> Option<SecretId> {
    let known = facts.secrets.iter().map(|(id, hash)| (Some(*id), *hash));
    let all = known.chain(std::iter::repeat((None, [0; 32]))).take(SECRETS);
    all.fold(None, |found, (id, hash)| if bool::from(hash.ct_eq(given.as_bytes())) { id } else { found })
}
