//! The browsers that are signed in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use tidings_node::ids::SessionId;

use crate::convert;
use crate::dto;
use crate::error::Error;
use crate::extract::PathId;
use crate::router::App;
use crate::session::SignedIn;

/// All signed-in browsers.
#[utoipa::path(
    get, path = "/sessions", tag = "sign-in", operation_id = "sessions",
    responses((status = 200, body = Vec<dto::Session>))
)]
pub(crate) async fn list(
    State(app): State<App>,
    signed_in: Option<Extension<SignedIn>>,
) -> Result<Json<Vec<dto::Session>>, Error> {
    let current = signed_in.map(|Extension(SignedIn(session))| session.id);
    let sessions = app.handle.sessions().await?;
    Ok(Json(
        sessions
            .into_iter()
            .map(|session| {
                let is_current = current == Some(session.id);
                convert::session(session, is_current)
            })
            .collect(),
    ))
}

/// Signs a browser out: what it has open ends at once.
#[utoipa::path(
    delete, path = "/sessions/{session}", tag = "sign-in", operation_id = "revoke_session",
    params(("session" = String, Path, description = "The session's id")),
    responses((status = 204, description = "Signed out"))
)]
pub(crate) async fn revoke(State(app): State<App>, PathId(session): PathId<SessionId>) -> Result<StatusCode, Error> {
    app.handle.revoke_session(session).await?;
    app.streams.check_visitors();
    Ok(StatusCode::NO_CONTENT)
}
