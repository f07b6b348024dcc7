//! Requests with an `Idempotency-Key`: what was carried out under a key is answered again and not done again.
//!
//! The [`Caller`](crate::api::caller::Caller) makes the ticket once it is known who asks; the store writes it down
//! with the change and refuses it the second time (see [`byleave_store::repeat`]); here the answer is kept before
//! anybody hears it. Only POST takes a key, and nothing that ends access does: a revoke is always carried out. This
//! module must never keep an answer that shows a secret.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use byleave_api::error::ErrorCode;
use byleave_api::path::{REQUEST_KEY, takes_key};
use byleave_core::actor::Actor;
use byleave_core::name::RequestKey;
use byleave_store::Store;
use byleave_store::repeat::{Answer, LONGEST_ANSWER, Repeat, Ticket};
use byleave_store::tag::Expectation;

use crate::api::error::{Failure, internal};
use crate::app::App;

/// The header that carries the key.
const KEY: HeaderName = HeaderName::from_static(REQUEST_KEY);
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The application as one request sees it: its store writes the request down with what it changes. A handler gets no
/// other, so that none can forget it.
pub struct Site {
    /// The store.
    pub store: Store,
    app: Arc<App>,
}

impl Site {
    /// The application for a request that may have a key, and may expect something.
    pub(crate) fn new(app: Arc<App>, ticket: Option<Arc<Ticket>>, expectation: Option<Arc<Expectation>>) -> Self {
        let store = ticket.map_or_else(|| app.store.clone(), |ticket| app.store.once(ticket));
        Self { store: expectation.map_or_else(|| store.clone(), |expectation| store.expecting(expectation)), app }
    }

    /// The application itself.
    pub(crate) const fn app(&self) -> &Arc<App> {
        &self.app
    }
}

impl Deref for Site {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// The requests with a key that are being carried out.
#[derive(Debug, Default)]
pub struct Running(Mutex<HashSet<(String, RequestKey)>>);

impl Running {
    /// Takes the place of a request; `None` while another one has it.
    fn enter(self: &Arc<Self>, ticket: &Ticket) -> Option<Place> {
        let place = ticket.place();
        self.places().insert(place.clone()).then(|| Place { running: self.clone(), place })
    }

    fn places(&self) -> std::sync::MutexGuard<'_, HashSet<(String, RequestKey)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a request that is being carried out; leaving is dropping it.
#[derive(Debug)]
struct Place {
    running: Arc<Running>,
    place: (String, RequestKey),
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.places().remove(&self.place);
    }
}

/// Where a request that has a key keeps its ticket, for those who see it at different times.
#[derive(Debug, Clone, Default)]
pub struct Slot(Arc<OnceLock<(Arc<Ticket>, Place)>>);

impl Slot {
    /// The ticket, once it is known who asks.
    pub fn ticket(&self) -> Option<&Arc<Ticket>> {
        self.0.get().map(|(ticket, _)| ticket)
    }
}

/// The mark of an answer that shows a secret.
#[derive(Debug, Clone, Copy)]
pub struct ShownOnce;

/// Gives a request with a key a slot, carries it out even if the caller goes away, and keeps the answer.
pub(super) async fn once(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let is_heeded = request.method() == Method::POST && takes_key(request.method().as_str(), request.uri().path());
    if !is_heeded || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let slot = Slot::default();
    request.extensions_mut().insert(slot.clone());
    let carried_out = tokio::spawn(async move {
        let answer = next.run(request).await;
        match slot.ticket() {
            Some(ticket) if ticket.is_spent() && answer.status().is_success() => keep(&app, ticket, answer).await,
            Some(_) | None => answer,
        }
    });
    match carried_out.await {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => internal().into_response(),
    }
}

/// The ticket of a request whose caller is known, if it has a key.
///
/// # Errors
/// [`Failure`] if the key breaks a rule, or a request with it is being carried out.
pub(crate) fn ticket(app: &App, parts: &Parts, actor: &Actor) -> Result<Option<Arc<Ticket>>, Failure> {
    let (Some(slot), Some(by)) = (parts.extensions.get::<Slot>(), actor.by()) else { return Ok(None) };
    let refuse = |rule: &str| Failure::field(ErrorCode::ValidationError, "Idempotency-Key", rule);
    let mut values = parts.headers.get_all(KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(refuse("is given twice")) };
    let key: RequestKey = match value.to_str().map(str::parse) {
        Ok(Ok(key)) => key,
        Ok(Err(_)) | Err(_) => return Err(refuse(RequestKey::RULE)),
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let ticket = Arc::new(Ticket::new(&by, key, format!("{} {target}", parts.method))?);
    let place = app.running.enter(&ticket).ok_or_else(|| {
        Failure::new(ErrorCode::RequestRunning, "a request with this key is being carried out; send it again later")
            .with_header(header::RETRY_AFTER, "1".to_owned())
    })?;
    let _there_is_one_caller_for_each_request = slot.0.set((ticket.clone(), place));
    Ok(Some(ticket))
}

/// Keeps an answer. What was done is done: if the answer cannot be kept, the caller hears it all the same.
async fn keep(app: &App, ticket: &Ticket, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else { return internal().into_response() };
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if parts.extensions.get::<ShownOnce>().is_none() && body.len() <= LONGEST_ANSWER {
        let answer = Answer {
            status: parts.status.as_u16(),
            media_type: media_type.unwrap_or_default().to_owned(),
            body: body.to_vec(),
        };
        if let Err(error) = app.store.keep_answer(ticket, &answer, &app.read_clock()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the answer to a request with a key is not kept");
        }
    }
    Response::from_parts(parts, body.into())
}

/// What a request is answered that was carried out before, or that its key keeps from being carried out.
pub(crate) fn again(repeat: Repeat) -> Failure {
    let text = repeat.to_string();
    match repeat {
        Repeat::Answered(answer) => Failure::answered(answer),
        Repeat::NotKept(_) => Failure::new(
            ErrorCode::AnswerNotKept,
            format!(
                "{text}: it showed a secret, was too long, or was lost when the server stopped; nothing was done now"
            ),
        ),
        Repeat::Other => Failure::new(ErrorCode::IdempotencyKeyReused, format!("{text}; nothing was done")),
        Repeat::TooMany => {
            Failure::new(ErrorCode::RateLimited, text).with_header(header::RETRY_AFTER, "3600".to_owned())
        }
    }
}

/// An answer as it was given before.
pub(crate) fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    match HeaderValue::from_str(&answer.media_type) {
        Ok(media_type) if !answer.media_type.is_empty() => headers.insert(header::CONTENT_TYPE, media_type),
        Ok(_) | Err(_) => headers.remove(header::CONTENT_TYPE),
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
