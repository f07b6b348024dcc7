//! Signing in with a password, for the command line: a bearer token that lasts 12 hours.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use byleave_api::byleave::{Done, Me, PasswordChange, PasswordRequest, Roles, SignInRequest, SignedIn};
use byleave_api::error::ErrorCode;
use byleave_core::actor::Actor;
use byleave_store::web_session::WebSession;

use crate::api::caller::{Caller, check_content_type};
use crate::api::error::Failure;
use crate::api::json::Raw;
use crate::api::peer;
use crate::api::show;
use crate::app::App;
use crate::auth::sign_in::{ChangeError, FRESH_FOR, change_password, give_password_again, sign_in, typed_name};
use crate::auth::throttle::Origin;

/// Who is signed in.
pub(super) async fn get(caller: Caller) -> Result<Response, Failure> {
    caller.ok(&me(&caller.actor, caller.signed_in.as_ref().map(|signed_in| &signed_in.session)))
}

/// Signs in.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    extensions: Extensions,
    headers: HeaderMap,
    body: Raw,
) -> Result<Response, Failure> {
    check_content_type(&headers)?;
    let SignInRequest { user_name, password } = body.json(&app).await?;
    let origin = Origin::Stranger(peer::address(&extensions));
    let (token, session) = sign_in(&app, &typed_name(&user_name), password, origin).await?;
    let user = me(&session.actor, Some(&session));
    Ok((StatusCode::CREATED, Json(SignedIn { token: token.reveal().to_owned(), user })).into_response())
}

/// Signs out.
pub(super) async fn delete(caller: Caller) -> Result<Response, Failure> {
    if let Some(signed_in) = &caller.signed_in {
        caller.ask(caller.app.store.close_web_session(*signed_in.token.as_bytes(), &caller.now)).await?;
    }
    Ok(caller.done())
}

/// Takes the password again, for what opens the door.
pub(super) async fn refresh(caller: Caller, body: Raw) -> Result<Response, Failure> {
    let Some(signed_in) = &caller.signed_in else {
        return Err(Failure::new(ErrorCode::UserUnauthorized, "only who signed in with a password can give it again"));
    };
    let PasswordRequest { password } = body.json(&caller.app).await?;
    let session = give_password_again(&caller.app, signed_in.token, &signed_in.session, password).await?;
    caller.ok(&me(&session.actor, Some(&session)))
}

/// Changes the password of who is signed in with one; their other sign-ins end.
pub(super) async fn password(caller: Caller, body: Raw) -> Result<Response, Failure> {
    let Some(signed_in) = &caller.signed_in else {
        return Err(Failure::new(ErrorCode::UserUnauthorized, "only who signed in with a password can change it"));
    };
    let PasswordChange { password, new_password } = body.json(&caller.app).await?;
    let changed = change_password(&caller.app, signed_in.token, &signed_in.session, password, new_password).await;
    match changed {
        Ok(written) => caller.ok(&Done { anchors: show::anchors(written.anchors) }),
        Err(ChangeError::Proof(error)) => Err(error.into()),
        Err(ChangeError::Rule(rule)) => {
            Err(Failure::field(ErrorCode::PasswordRefused, "newPassword", rule.to_string()))
        }
    }
}

fn me(actor: &Actor, session: Option<&WebSession>) -> Me {
    let (kind, id) = match actor {
        Actor::Administrator => ("administrator", None),
        Actor::ApiKey { id, .. } => ("apiKey", Some(id.to_string())),
        Actor::Employee { id } => ("employee", Some(id.to_string())),
        Actor::ServiceAccount { id, .. } => ("serviceAccount", Some(id.client_id())),
        Actor::System => ("system", None),
        Actor::User { id, .. } => ("user", Some(id.to_string())),
    };
    let membership = actor.membership();
    Me {
        kind: kind.to_owned(),
        id,
        user_name: session.map(|session| session.user_name.to_string()),
        org_id: membership.map(|(organization, _)| organization.to_string()),
        roles: membership.map_or_else(Roles::default, |(_, roles)| show::roles(roles)),
        fresh_until: session.map(|session| session.fresh_at.plus(FRESH_FOR).to_string()),
    }
}
