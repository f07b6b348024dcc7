//! Who looks at a page: a user of an organization who signed in with this browser.
//!
//! Only the cookie says so here; the pages take neither Digest nor bearer tokens. What the visitor may do is asked of
//! `byleave_core::policy` for showing, and decided again by the store for doing.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use byleave_core::actor::Actor;
use byleave_core::event::LogId;
use byleave_core::id::{OrgId, ProjectId};
use byleave_core::policy::{Action, Resource, may};
use byleave_core::recovery::Recovery;
use byleave_core::time::{Now, Reading, Timestamp};
use byleave_store::organization::OrganizationRow;
use byleave_store::transaction::Anchor;
use byleave_store::web_session::WebSession;
use maud::Markup;

use super::cookie;
use super::form::{Act, Faults, Typed, wait};
use super::layout::{self, Bar, Tab};
use super::path;
use super::problem::Problem;
use super::recorded;
use super::recovery::banner;
use crate::app::App;
use crate::auth::sign_in::{SignInError, give_password_again, is_fresh};
use crate::auth::token::TokenHash;
use crate::closing::Closing;

/// Who looks at a page, and when.
pub(super) struct Visitor {
    pub(super) token: TokenHash,
    pub(super) session: WebSession,
    pub(super) organization: OrganizationRow,
    /// The latest recovery of the organization.
    recovery: Option<Recovery>,
    /// The clocks when the request came.
    pub(super) reading: Reading,
    /// What time that is, and whether it can be trusted.
    pub(super) now: Now,
    /// The last entry of the organization's log, read before anything that the page shows.
    pub(super) seen: u64,
    /// The index of the entry that the visitor's last act wrote, if the address says so.
    recorded: Option<u64>,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let recorded = parts.uri.query().and_then(recorded::index);
        // Only the feed has an address that says more than its path.
        let came_for = match parts.uri.path_and_query() {
            Some(feed) if feed.path() == path::ACTIVITY => feed.as_str(),
            Some(_) | None => parts.uri.path(),
        };
        let came_for = (parts.method == "GET").then(|| came_for.to_owned());
        let closing = Closing::of(&parts.extensions);
        match Self::of(app, cookie::read(&parts.headers), recorded, closing).await {
            Ok(visitor) => Ok(visitor),
            Err(Problem::SignedOut) => Err(Redirect::to(&to_sign_in(came_for.as_deref())).into_response()),
            Err(problem) => Err(problem.into_response()),
        }
    }
}

/// The sign-in page that leads back to where the visitor wanted to go.
fn to_sign_in(came_for: Option<&str>) -> String {
    match came_for {
        Some(path) if path != "/" && path != path::CLUSTERS => {
            let next = percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
            format!("{}?next={next}", path::SIGN_IN)
        }
        Some(_) | None => path::SIGN_IN.to_owned(),
    }
}

impl Visitor {
    async fn of(app: &App, token: Option<TokenHash>, recorded: Option<u64>, closing: Closing) -> Result<Self, Problem> {
        let token = token.ok_or(Problem::SignedOut)?;
        let reading = app.read_clock();
        let session = app.store.web_session(*token.as_bytes(), &reading).await?.ok_or(Problem::SignedOut)?;
        let (organization, _) = session.actor.membership().ok_or(Problem::SignedOut)?;
        if let Some(by) = session.actor.by() {
            app.counters.caller(by, closing).map_err(Problem::TooMany)?;
        }
        let seen = app.store.checkpoint(&session.actor, LogId::Organization(organization)).await?.index;
        let recovery = app.store.recovery(&session.actor, organization).await?;
        let organization = app.store.organization(&session.actor, organization).await?;
        let now = app.store.now(&reading).await?;
        Ok(Self { token, session, organization, recovery, reading, now, seen, recorded })
    }

    /// The visitor as an actor.
    pub(super) fn actor(&self) -> &Actor {
        &self.session.actor
    }

    /// The visitor's organization.
    pub(super) fn org(&self) -> OrgId {
        self.organization.id
    }

    /// What time it is.
    pub(super) fn at(&self) -> Timestamp {
        self.now.at
    }

    /// Whether the visitor may do this to the whole organization.
    pub(super) fn may(&self, action: Action) -> bool {
        may(self.actor(), action, Resource::Organization(self.org())).is_ok()
    }

    /// Whether the visitor may do this in a project.
    pub(super) fn may_in(&self, action: Action, project: ProjectId) -> bool {
        may(self.actor(), action, Resource::Project(self.org(), project)).is_ok()
    }

    /// Refuses a dialogue to whom the store would refuse its act.
    pub(super) fn must(&self, action: Action) -> Result<(), Problem> {
        if self.may(action) { Ok(()) } else { Err(Problem::Forbidden) }
    }

    /// Whether the password was given within the last five minutes.
    pub(super) fn is_fresh(&self) -> bool {
        is_fresh(self.session.fresh_at, self.at())
    }

    /// Makes sure of a fresh sign-in, with the password of the form where it is needed. Never asked of block, revoke
    /// and end.
    pub(super) async fn confirm(&mut self, app: &App, typed: &Typed) -> Result<Result<(), Faults>, Problem> {
        if self.is_fresh() {
            return Ok(Ok(()));
        }
        let password = typed.raw("password").to_owned();
        if password.is_empty() {
            return Ok(Err(Faults::one("password", "Please give your password again.")));
        }
        match give_password_again(app, self.token, &self.session, password).await {
            Ok(session) => {
                self.session = session;
                Ok(Ok(()))
            }
            Err(SignInError::Hash(error)) => Err(error.into()),
            Err(SignInError::Store(error)) => Err(error.into()),
            Err(SignInError::TooEarly(early)) => Ok(Err(Faults::one("password", wait(early)))),
            Err(SignInError::Wrong) => Ok(Err(Faults::one("password", "This is not your password."))),
        }
    }

    /// A page with the bar, and above it what the visitor's last act recorded.
    pub(super) async fn page(&self, app: &App, tab: Tab, title: &str, content: Markup) -> Result<Response, Problem> {
        let recorded = match self.recorded {
            Some(index) => recorded::notice(app, self, index).await?,
            None => Markup::default(),
        };
        Ok(self.page_with(StatusCode::OK, tab, title, maud::html! { (recorded) (self.doubt()) (content) }))
    }

    /// A page with the bar, and what every member must see.
    pub(super) fn page_with(&self, status: StatusCode, tab: Tab, title: &str, content: Markup) -> Response {
        let bar = Bar {
            organization: &self.organization.name,
            user: &self.session.user_name,
            manages: self.may(Action::ManageUsers),
            tab,
        };
        let content = maud::html! { (banner(self.recovery.as_ref(), self.at())) (content) };
        layout::answer(status, layout::page(title, (self.at(), self.seen), &bar, content))
    }

    /// A dialogue as a page: again with faults, if there are some.
    pub(super) fn dialogue(&self, tab: Tab, title: &str, faults: &Faults, body: Markup) -> Response {
        let status = if faults.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        let content = maud::html! { div.dialogue-page { (layout::dialogue(title, body)) } };
        self.page_with(status, tab, title, content)
    }

    /// The dialogue of an act, with its fields.
    pub(super) fn ask(&self, act: &Act<'_>, faults: &Faults, fields: Markup) -> Response {
        self.dialogue(act.tab, act.title, faults, act.form(fields, self.is_fresh(), faults))
    }

    /// What everybody should know while the clock is in doubt.
    fn doubt(&self) -> Markup {
        maud::html! {
            @if let Some(doubt) = self.now.doubt {
                div.notice.warn role="status" {
                    (super::icon::icon(super::icon::Icon::Alert))
                    div {
                        strong { "The server’s clock is in doubt" }
                        p { "Nothing new opens and nothing can be granted until an administrator has looked at it: "
                            (doubt) ". Blocking, revoking and ending sessions work." }
                    }
                }
            }
        }
    }
}

/// Where a form leads once it is done: the page, with the place in the log that the act has got.
pub(super) fn done(to: &str, anchors: &[Anchor]) -> Response {
    match anchors.last() {
        Some(anchor) => Redirect::to(&format!("{to}?recorded={}", anchor.index)).into_response(),
        None => Redirect::to(to).into_response(),
    }
}
