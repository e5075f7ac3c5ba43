//! Signing in by a one-time link, signing out, and making another link.

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::header::{SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse};

use crate::dto;
use crate::error::Error;
use crate::extract::Body;
use crate::router::App;
use crate::session::{self, SignedIn};

/// What a browser says it is, is kept up to this many characters.
const USER_AGENT_CHARS_MAX: usize = 256;

/// Trades the one-time token of a sign-in link for a session, which the answer's cookie holds.
#[utoipa::path(
    post, path = "/sign-in", tag = "sign-in", operation_id = "sign_in",
    request_body = dto::SignIn, responses((status = 204, description = "Signed in; the cookie is set"))
)]
pub(crate) async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    Body(body): Body<dto::SignIn>,
) -> Result<impl IntoResponse, Error> {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let user_agent: String = user_agent.chars().take(USER_AGENT_CHARS_MAX).collect();
    let mut attempt = app.sign_ins.attempt().await?;
    match app.handle.sign_in(&body.token, &user_agent).await {
        Ok(session) => Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, session::cookie(&session.token))]))),
        Err(refused) => {
            attempt.failed();
            Err(refused.into())
        }
    }
}

/// Ends the session of the browser that asks.
#[utoipa::path(
    post, path = "/sign-out", tag = "sign-in", operation_id = "sign_out",
    responses((status = 204, description = "Signed out; the cookie is gone"))
)]
pub(crate) async fn sign_out(
    State(app): State<App>,
    signed_in: Option<Extension<SignedIn>>,
) -> Result<impl IntoResponse, Error> {
    if let Some(Extension(SignedIn(session))) = signed_in {
        app.handle.revoke_session(session.id).await?;
        app.streams.check_visitors();
    }
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, session::no_cookie())])))
}

/// Makes a sign-in link, good for an hour and for one use.
#[utoipa::path(
    post, path = "/sign-in-links", tag = "sign-in", operation_id = "create_sign_in_link",
    responses((status = 200, body = dto::SignInLink))
)]
pub(crate) async fn create_link(State(app): State<App>) -> Result<Json<dto::SignInLink>, Error> {
    let token = app.handle.create_sign_in().await?;
    Ok(Json(dto::SignInLink { url: app.door.sign_in_url(&token) }))
}
