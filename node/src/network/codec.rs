//! Requests and responses on a stream: four bytes of length, then the message (PROTOCOL §5.4).

use std::io;

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response;

use tidings_crypto::codec::Malformed;

use crate::wire::request::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, Request, Response};

/// A message is read in pieces of this size: a length alone makes nobody allocate.
const PIECE_BYTES: usize = 64 * 1024;

/// Frames and parses; holds nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestCodec;

impl request_response::Codec for RequestCodec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        Request::decode(&read(stream, REQUEST_BYTES_MAX).await?).map_err(refused)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, stream: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        Response::decode(&read(stream, RESPONSE_BYTES_MAX).await?).map_err(refused)
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, stream: &mut T, request: Request) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(stream, &request.encode().map_err(refused)?).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, stream: &mut T, response: Response) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(stream, &response.encode().map_err(refused)?).await
    }
}

async fn read<T: AsyncRead + Unpin + Send>(stream: &mut T, limit: usize) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit {
        return Err(refused(Malformed::TooLong { what: "message", limit }));
    }
    let mut message = Vec::new();
    while message.len() < length {
        let start = message.len();
        message.resize(length.min(start + PIECE_BYTES), 0);
        stream.read_exact(message.get_mut(start..).unwrap_or_default()).await?;
    }
    Ok(message)
}

async fn write<T: AsyncWrite + Unpin + Send>(stream: &mut T, message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(message).await?;
    stream.flush().await
}

fn refused(reason: Malformed) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_back() {
        let mut stream = Cursor::new(Vec::new());
        let message = vec![7; 3 * PIECE_BYTES + 1];
        write(&mut stream, &message).await.unwrap();
        stream.set_position(0);
        assert_eq!(read(&mut stream, REQUEST_BYTES_MAX).await.unwrap(), message);
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_before_anything_is_read() {
        let mut stream = Cursor::new(u32::MAX.to_be_bytes().to_vec());
        let error = read(&mut stream, REQUEST_BYTES_MAX).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_message_shorter_than_its_length_is_refused() {
        let mut stream = Cursor::new([9_u32.to_be_bytes().as_slice(), &[1; 8]].concat());
        let error = read(&mut stream, REQUEST_BYTES_MAX).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
