//! Bundles over the local API: bodies that are streamed, since the largest is a gigabyte.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tidings_node::wire::bundle::{BundleReader, Whole};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{ANSWER_BYTES_MAX, Api, parse, refusal};
use crate::failure::Failure;

/// So much of a file is read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes, and no more is said of them.
const BYTES: &str = "application/octet-stream";
/// What carries the bytes of an answer for as long as it is held.
pub(super) type Driving = JoinSet<hyper::Result<()>>;

/// So many pieces wait for the node at the most.
const PIECES_AHEAD: usize = 4;

/// What became of what a bundle carried.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct BundleTaken {
    pub(crate) new: u64,
    pub(crate) known: u64,
    pub(crate) later: u64,
    pub(crate) useless: u64,
    pub(crate) others: u64,
}

impl Api {
    /// Writes a bundle for these accounts and conversations, for everybody if none is named: what was written is whole.
    pub(crate) async fn bundle_out(
        &self,
        accounts: &[String],
        conversations: &[String],
        file: &mut File,
        path: &Path,
    ) -> Result<Whole, Failure> {
        let query = format!("bundle?contacts={}&conversations={}", accounts.join(","), conversations.join(","));
        let (response, _driving) = self.streamed((Method::GET, BYTES), &query, Empty::<Bytes>::new()).await?;
        let mut body = response.into_body();
        let mut reader = BundleReader::default();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.cut_off(&error))?;
            let Some(piece) = frame.data_ref() else { continue };
            let broken = |error| Failure::Refused(format!("what the node gave is no bundle: {error}"));
            reader.feed(piece).map_err(broken)?;
            while reader.parcel().map_err(broken)?.is_some() {}
            file.write_all(piece).await.map_err(|error| unwritten(path, &error))?;
        }
        let whole = reader.finish().map_err(|_| {
            Failure::Refused("the node broke off before the bundle was whole; its log says why".to_owned())
        })?;
        file.flush().await.map_err(|error| unwritten(path, &error))?;
        file.sync_all().await.map_err(|error| unwritten(path, &error))?;
        Ok(whole)
    }

    /// Gives a bundle to the node.
    pub(crate) async fn bundle_in(&self, mut file: File) -> Result<BundleTaken, Failure> {
        let (pieces, waiting) = mpsc::channel(PIECES_AHEAD);
        let reading = async move {
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let count = file.read(&mut piece).await?;
                piece.truncate(count);
                // Whether the node takes more is said by its answer.
                if count == 0 || pieces.send(Bytes::from(piece)).await.is_err() {
                    return Ok::<(), std::io::Error>(());
                }
            }
        };
        let asking = async {
            let (response, _driving) = self.streamed((Method::POST, BYTES), "bundle", Pieces(waiting)).await?;
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            parse(&body.map_err(|error| self.cut_off(error.as_ref()))?.to_bytes())
        };
        let (read, answer) = tokio::join!(reading, asking);
        read.map_err(|error| Failure::Refused(format!("the bundle cannot be read to its end: {error}")))?;
        answer
    }

    /// One request, and the beginning of the answer; a refusal is read to its end.
    pub(super) async fn streamed<B>(
        &self,
        (method, content_type): (Method, &str),
        path: &str,
        body: B,
    ) -> Result<(Response<Incoming>, Driving), Failure>
    where
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        let socket = self.home.socket();
        let stream = UnixStream::connect(&socket).await.map_err(|error| self.unreachable(&socket, &error))?;
        let shaken = http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = shaken.map_err(|error| self.cut_off(&error))?;
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{path}"))
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, concat!("tidings-cli/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_TYPE, content_type)
            .body(body)
            .map_err(|error| Failure::Usage(format!("that cannot be asked of a node: {error}")))?;
        let response = sender.send_request(request).await.map_err(|error| self.cut_off(&error))?;
        if response.status().is_success() {
            return Ok((response, driving));
        }
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Err(refusal(status, &body.map(http_body_util::Collected::to_bytes).unwrap_or_default()))
    }
}

/// The pieces of a file, as a body.
struct Pieces(mpsc::Receiver<Bytes>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// A file could not be written.
pub(crate) fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Refused(format!("cannot write {}: {error}; nothing was left there", path.display()))
}
