//! A client of the local API that sends exactly the headers a test asks for, and reads a stream frame by frame.

use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Whatever is waited for comes within this, or the test fails.
pub(crate) const WAIT_MAX: Duration = Duration::from_mins(1);

/// Which door.
#[derive(Debug, Clone)]
pub(crate) enum Door {
    Tcp(String),
    Unix(PathBuf),
}

/// Somebody who talks to a node: a door, and the headers that they always send.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) door: Door,
    pub(crate) headers: Vec<(String, String)>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What begins with an answer's head.
type Opened = (Response<Incoming>, Connection);

/// An answer of either kind.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Events that go on until the client hangs up.
    Stream,
    Whole(Reply),
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON of an answer that is as good as it should be.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Checks that this is a problem with this status and code, in the one shape that problems have.
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header(CONTENT_TYPE.as_str()), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("urn:tidings:problem:{code}"));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.ends_with('.') && detail.len() > 10, "{problem}");
        problem
    }
}

impl Client {
    pub(crate) fn new(door: Door) -> Self {
        Self { door, headers: Vec::new() }
    }

    /// The same client with one header more.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut more = self.clone();
        more.headers.push((name.to_owned(), value.to_owned()));
        more
    }

    /// The same client without a header.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut less = self.clone();
        less.headers.retain(|(header, _)| header != name);
        less
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send("POST", path, Some(body.to_string().into())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send("PUT", path, Some(body.to_string().into())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Reply {
        let (response, _connection) = self.open(method, path, body).await;
        let (parts, body) = response.into_parts();
        let body = within(body.collect()).await.unwrap().to_bytes().to_vec();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The answer, if it is none that goes on for ever; `None` where the node hung up on a body that it would not read.
    pub(crate) async fn asked(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Option<Answer> {
        let (response, _connection) = self.try_open(method, path, body).await.ok()?;
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        if headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
            return Some(Answer::Stream);
        }
        let body = within(body.collect()).await.unwrap().to_bytes().to_vec();
        Some(Answer::Whole(Reply { status, headers, body }))
    }

    /// Opens a server-sent stream; what is no stream fails the test.
    pub(crate) async fn events(&self, path: &str) -> Frames {
        let (response, connection) = self.open("GET", path, None).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/event-stream");
        Frames { body: response.into_body(), buffer: String::new(), _connection: connection }
    }

    /// Opens a WebSocket, or gives the status with which the node refused.
    pub(crate) async fn live(&self, path: &str) -> Result<Socket, u16> {
        let stream: Box<dyn Stream> = match &self.door {
            Door::Tcp(address) => Box::new(TcpStream::connect(address).await.unwrap()),
            Door::Unix(path) => Box::new(UnixStream::connect(path).await.unwrap()),
        };
        let mut request = format!("ws://node{path}").into_client_request().unwrap();
        for (name, value) in &self.headers {
            let name = hyper::header::HeaderName::try_from(name.as_str()).unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        match within(tokio_tungstenite::client_async(request, stream)).await {
            Ok((socket, _)) => Ok(Socket { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn open(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> Opened {
        self.try_open(method, path, body).await.unwrap()
    }

    async fn try_open(&self, method: &str, path: &str, body: Option<Vec<u8>>) -> hyper::Result<Opened> {
        match &self.door {
            Door::Tcp(address) => self.exchange(TcpStream::connect(address).await.unwrap(), method, path, body).await,
            Door::Unix(socket) => self.exchange(UnixStream::connect(socket).await.unwrap(), method, path, body).await,
        }
    }

    async fn exchange<S: Stream>(
        &self,
        stream: S,
        method: &str,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> hyper::Result<Opened> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        let connection = Connection { _driver: driver };
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default()))).unwrap();
        Ok((within(sender.send_request(request)).await?, connection))
    }
}

/// Either kind of connection.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for T {}

/// Closes its connection when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    _driver: JoinSet<()>,
}

/// Waits for what has to come.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(WAIT_MAX, future).await.expect("what had to come did not come")
}

/// A server-sent event: its fields, and its data as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    pub(crate) event: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// A server-sent stream.
#[derive(Debug)]
pub(crate) struct Frames {
    body: Incoming,
    buffer: String,
    _connection: Connection,
}

impl Frames {
    /// The next frame; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                let field = |name: &str| {
                    let line = block.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim_start_matches([':', ' ']).to_owned())
                };
                if let Some(data) = field("data") {
                    let data = serde_json::from_str(&data).unwrap();
                    let (event, id) = (field("event").unwrap(), field("id").unwrap());
                    return Some(Frame { event, id, data });
                }
                continue;
            }
            let frame = within(self.body.frame()).await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.push_str(std::str::from_utf8(&data).unwrap());
            }
        }
    }

    /// The first frame from here on that is as wanted.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Frame {
        loop {
            let frame = self.next().await.expect("the stream ended");
            if wanted(&frame.data) {
                return frame;
            }
        }
    }
}

/// A WebSocket.
pub(crate) struct Socket {
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl Socket {
    /// The next frame as JSON; or the close code with which the node ended it.
    pub(crate) async fn next(&mut self) -> Result<Value, u16> {
        loop {
            match within(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The first frame from here on that is as wanted.
    pub(crate) async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let frame = self.next().await.expect("the stream ended");
            if wanted(&frame) {
                return frame;
            }
        }
    }
}
