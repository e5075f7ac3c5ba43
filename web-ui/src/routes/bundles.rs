//! Bundles: files that carry what is undelivered between nodes that never meet.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, stream};
use tidings_node::handle::Refused;
use tidings_node::handle::bundles::{BundleOut, BundleScope};
use tidings_node::ids::ConversationId;
use tidings_node::wire::bundle::{BUNDLE_BYTES_MAX, BadBundle};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use crate::convert::accounts_from;
use crate::dto;
use crate::error::{Error, RequestError};
use crate::extract::Query;
use crate::router::App;

/// A bundle as it comes in lies here, beside the socket, under a name that is gone at once.
const SPOOL: &str = ".bundle-in";

/// A bundle of what is undelivered, to be carried by hand; a file that breaks off is none.
#[utoipa::path(
    get, path = "/bundle", tag = "node", operation_id = "bundle_out", params(dto::BundleQuery),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(crate) async fn out(State(app): State<App>, Query(query): Query<dto::BundleQuery>) -> Result<Response, Error> {
    let words = |list: &str| -> Vec<String> {
        list.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let conversations =
        words(&query.conversations).iter().map(|id| id.parse::<ConversationId>()).collect::<Result<_, _>>()?;
    let accounts = accounts_from(&words(&query.contacts))?.into_iter().collect();
    let mut bundle = app.handle.bundle_out(BundleScope { accounts, conversations });
    // What is refused is refused here; what fails later breaks the answer off.
    let first = bundle.next().await?.unwrap_or_default();
    let rest = stream::unfold(bundle, |mut bundle: BundleOut| async move {
        let part = bundle.next().await.map_err(|refused| io::Error::other(refused.to_string())).transpose()?;
        Some((part, bundle))
    });
    let body = Body::from_stream(stream::once(async move { Ok(first) }).chain(rest));
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment; filename=\"tidings.bundle\""),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body).into_response())
}

/// Takes a bundle: what is for this node, and whole. What is not whole changes nothing.
#[utoipa::path(
    post, path = "/bundle", tag = "node", operation_id = "bundle_in",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = dto::BundleTaken))
)]
pub(crate) async fn take(State(app): State<App>, request: Request) -> Result<Json<dto::BundleTaken>, Error> {
    let mut file = spool(&app).map_err(failed)?;
    let mut bytes = 0_u64;
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let piece =
            piece.map_err(|_| RequestError::BadRequest("the upload broke off: nothing was taken".to_owned()))?;
        bytes = bytes.saturating_add(piece.len() as u64);
        if bytes > BUNDLE_BYTES_MAX {
            return Err(Refused::from(BadBundle::TooLong).into());
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(Json(app.handle.bundle_in(file).await?.into()))
}

/// A file without a name, so that it is gone with the process, however that ends.
fn spool(app: &App) -> io::Result<File> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let path = app.spool.join(format!("{SPOOL}-{}", MADE.fetch_add(1, Ordering::Relaxed)));
    let file = std::fs::File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(File::from_std(file))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn failed(error: io::Error) -> Refused {
    if error.kind() == io::ErrorKind::StorageFull {
        return Refused::DiskFull;
    }
    tracing::error!(%error, "a bundle that came in could not be written down");
    Refused::StoreFailed
}
