//! Backups: all of the node in one file, sealed under a passphrase of its own.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tidings_node::backup::BackupFile;

use crate::dto;
use crate::error::Error;
use crate::extract;
use crate::router::App;

/// A backup of all that the node has, restored once for a test before it is given away.
#[utoipa::path(
    post, path = "/backup", tag = "node", operation_id = "backup", request_body = dto::NewBackup,
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(crate) async fn make(
    State(app): State<App>,
    extract::Body(new): extract::Body<dto::NewBackup>,
) -> Result<Response, Error> {
    let backup = Box::pin(app.handle.backup(new.passphrase)).await?;
    let bytes = HeaderValue::from(backup.bytes);
    let body = Body::from_stream(stream::unfold(backup, |mut backup: BackupFile| async move {
        let piece = backup.next().await.transpose()?;
        Some((piece, backup))
    }));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"tidings.backup\"")),
        (CONTENT_LENGTH, bytes),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}
