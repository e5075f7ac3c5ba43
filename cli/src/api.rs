//! The client of a running node's local API, over the socket in its home.
//!
//! One connection a request: on a unix socket that costs nothing, and no request waits behind another.

mod answers;
mod backups;
mod bundles;
mod events;
mod groups;
mod identities;
mod strangers;
mod tokens;

use std::io;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection};
use hyper::{Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

pub(crate) use answers::{
    CardLinks, Contact, Conversation, Finding, Group, History, Invite, JoinRequest, KeptBy, Mailbox, MailboxLink,
    Member, Message, MessageDetail, MessagePage, Path as PeerPath, Peer, Recipient, Role, SignInLink, Standing, State,
    Status, Storage, StorageLimits,
};
pub(crate) use bundles::{BundleTaken, unwritten};
pub(crate) use events::{Event, Events};
pub(crate) use groups::{NewInvite, Patch};
pub(crate) use identities::{CameBack, Identity, Issuer};
pub(crate) use strangers::{Blocked, StrangerRequest, Verification};
pub(crate) use tokens::{NewToken, Token};

use crate::failure::Failure;
use crate::settings::Home;

/// A page asked for is at most this many messages, so that an answer fits into [`ANSWER_BYTES_MAX`].
pub(crate) const PAGE_MESSAGES: u32 = 100;
/// An answer is at most this many bytes: a page of the longest texts, each byte escaped in JSON.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The node is on this machine and answers at once; this long means that it is stuck. A guess.
const ANSWER_TIME_MAX: Duration = Duration::from_mins(1);

type Wire = Connection<TokioIo<UnixStream>, Full<Bytes>>;

/// A running node.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    home: Home,
}

/// The message to send, as the API wants it.
#[derive(Debug, Serialize)]
pub(crate) struct Outgoing<'a> {
    pub(crate) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<&'a str>,
}

/// Which page of history.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PageAt<'a> {
    Newest,
    Before(&'a str),
    After(&'a str),
}

impl Api {
    /// The node that runs on this home, if one does: the first request finds out.
    pub(crate) fn of(home: Home) -> Self {
        Self { home }
    }

    pub(crate) async fn status(&self) -> Result<Status, Failure> {
        self.get("status").await
    }

    pub(crate) async fn doctor(&self) -> Result<Vec<Finding>, Failure> {
        self.post("doctor", &serde_json::json!({}), None).await
    }

    pub(crate) async fn card(&self) -> Result<CardLinks, Failure> {
        self.get("card").await
    }

    pub(crate) async fn contacts(&self) -> Result<Vec<Contact>, Failure> {
        self.get("contacts").await
    }

    pub(crate) async fn add_contact(&self, link: &str) -> Result<Contact, Failure> {
        self.post("contacts", &serde_json::json!({ "link": link }), None).await
    }

    pub(crate) async fn conversations(&self) -> Result<Vec<Conversation>, Failure> {
        self.get("conversations").await
    }

    pub(crate) async fn create_conversation(
        &self,
        contacts: &[String],
        name: Option<&str>,
    ) -> Result<Conversation, Failure> {
        let body = match name {
            Some(name) => serde_json::json!({ "contacts": contacts, "name": name }),
            None => serde_json::json!({ "contacts": contacts }),
        };
        self.post("conversations", &body, None).await
    }

    /// The same key twice is one message, so a send that was cut off can be tried again.
    pub(crate) async fn send(
        &self,
        conversation: &str,
        message: &Outgoing<'_>,
        idempotency_key: Option<&str>,
    ) -> Result<Message, Failure> {
        self.post(&format!("conversations/{conversation}/messages"), message, idempotency_key).await
    }

    pub(crate) async fn messages(
        &self,
        conversation: &str,
        at: PageAt<'_>,
        limit: u32,
    ) -> Result<MessagePage, Failure> {
        let at = match at {
            PageAt::Newest => String::new(),
            PageAt::Before(message) => format!("&before={message}"),
            PageAt::After(message) => format!("&after={message}"),
        };
        self.get(&format!("conversations/{conversation}/messages?limit={limit}{at}")).await
    }

    /// One message, by its id or the beginning of it, which must be hexadecimal.
    pub(crate) async fn message(&self, id_prefix: &str) -> Result<MessageDetail, Failure> {
        self.get(&format!("messages/{id_prefix}")).await
    }

    pub(crate) async fn mark_seen(&self, conversation: &str, message: &str) -> Result<(), Failure> {
        let body = json_bytes(&serde_json::json!({ "message": message }))?;
        self.exchange(Method::POST, &format!("conversations/{conversation}/seen"), Some(body), None).await.map(drop)
    }

    pub(crate) async fn mailboxes(&self) -> Result<Vec<Mailbox>, Failure> {
        self.get("mailboxes").await
    }

    pub(crate) async fn use_mailbox_by_link(&self, link: &str) -> Result<Mailbox, Failure> {
        self.post("mailboxes", &serde_json::json!({ "link": link }), None).await
    }

    pub(crate) async fn use_mailbox_of(&self, account: &str) -> Result<Mailbox, Failure> {
        self.post("mailboxes", &serde_json::json!({ "contact": account }), None).await
    }

    pub(crate) async fn drop_mailbox(&self, peer_id: &str) -> Result<(), Failure> {
        self.exchange(Method::DELETE, &format!("mailboxes/{peer_id}"), None, None).await.map(drop)
    }

    pub(crate) async fn storage(&self) -> Result<Storage, Failure> {
        self.get("storage").await
    }

    pub(crate) async fn change_storage(&self, limits: &StorageLimits) -> Result<Storage, Failure> {
        let body = json_bytes(limits)?;
        parse(&self.exchange(Method::PUT, "storage", Some(body), None).await?)
    }

    pub(crate) async fn mailbox_link(&self) -> Result<MailboxLink, Failure> {
        self.get("mailbox-link").await
    }

    pub(crate) async fn sign_in_link(&self) -> Result<SignInLink, Failure> {
        self.post("sign-in-links", &serde_json::json!({}), None).await
    }

    /// The events from now on.
    pub(crate) async fn events(&self) -> Result<Events, Failure> {
        let (mut sender, connection) = self.connect().await?;
        let mut connection = Box::pin(connection);
        let request = self.request(Method::GET, "events", None, None)?;
        let response = {
            let mut answer = pin!(sender.send_request(request));
            tokio::select! {
                biased;
                answer = &mut answer => answer,
                _ = &mut connection => answer.await,
            }
        };
        let response = response.map_err(|error| self.cut_off(&error))?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
            let body = tokio::select! { body = body => body.map(http_body_util::Collected::to_bytes).unwrap_or_default(), _ = connection => Bytes::new() };
            return Err(refusal(status, &body));
        }
        Ok(Events::new(response.into_body(), connection, sender, self.home.no_node()))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        parse(&self.exchange(Method::GET, path, None, None).await?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        idempotency_key: Option<&str>,
    ) -> Result<T, Failure> {
        parse(&self.exchange(Method::POST, path, Some(json_bytes(body)?), idempotency_key).await?)
    }

    /// One request and the whole answer to it.
    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        idempotency_key: Option<&str>,
    ) -> Result<Bytes, Failure> {
        self.answered(self.request(method, path, body, idempotency_key)?).await
    }

    /// Bytes that are no JSON.
    async fn upload(&self, path: &str, media_type: &str, bytes: Bytes) -> Result<Bytes, Failure> {
        let mut request = self.request(Method::PUT, path, Some(bytes), None)?;
        let media_type = media_type.parse().map_err(|_| Failure::Usage(format!("{media_type} is no media type")))?;
        request.headers_mut().insert(header::CONTENT_TYPE, media_type);
        self.answered(request).await
    }

    async fn answered(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
        let (mut sender, connection) = self.connect().await?;
        let answer = async {
            let response: Response<Incoming> =
                sender.send_request(request).await.map_err(|error| self.cut_off(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| self.cut_off(error.as_ref()))?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(refusal(status.as_u16(), &body)) }
        };
        let driven = async {
            let mut answer = pin!(answer);
            // The connection may end in the same moment as its last bytes arrive, so its end decides nothing.
            tokio::select! {
                biased;
                answer = &mut answer => answer,
                _ = connection => answer.await,
            }
        };
        tokio::time::timeout(ANSWER_TIME_MAX, driven).await.unwrap_or_else(|_| {
            Err(Failure::Refused(format!(
                "the node did not answer within {} seconds; `tidings up` prints why, or start it again",
                ANSWER_TIME_MAX.as_secs()
            )))
        })
    }

    async fn connect(&self) -> Result<(http1::SendRequest<Full<Bytes>>, Wire), Failure> {
        let socket = self.home.socket();
        let stream = UnixStream::connect(&socket).await.map_err(|error| self.unreachable(&socket, &error))?;
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.cut_off(&error))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        idempotency_key: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1/{path}"))
            .header(header::HOST, "localhost")
            .header(header::USER_AGENT, concat!("tidings-cli/", env!("CARGO_PKG_VERSION")));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| Failure::Usage(format!("that cannot be asked of {}: {error}", self.home.path.display())))
    }

    fn unreachable(&self, socket: &Path, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                self.home.no_node()
            }
            io::ErrorKind::PermissionDenied => Failure::Refused(format!(
                "{} belongs to another user of this machine: run this as the user who started the node",
                socket.display()
            )),
            io::ErrorKind::InvalidInput => Failure::Refused(format!(
                "{} is too long to be a socket's path: choose a shorter --home",
                socket.display()
            )),
            _ => Failure::Refused(format!("cannot reach the node at {}: {error}", socket.display())),
        }
    }

    fn cut_off(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        Failure::Refused(format!(
            "the node on {} went away before it answered ({error}); start it again and look whether it was done",
            self.home.path.display()
        ))
    }
}

fn json_bytes(body: &impl Serialize) -> Result<Bytes, Failure> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| Failure::Usage(error.to_string()))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| {
        Failure::Refused(format!(
            "the node's answer cannot be read ({error}): is it of another version? This is tidings {}",
            env!("CARGO_PKG_VERSION")
        ))
    })
}

/// What a problem document (RFC 9457) means for the person at the terminal.
fn refusal(status: u16, body: &[u8]) -> Failure {
    let Ok(problem) = serde_json::from_slice::<answers::Problem>(body) else {
        return Failure::Refused(format!("the node refused, with status {status} and no reason"));
    };
    let sentence = after_colon(if problem.detail.is_empty() { &problem.title } else { &problem.detail });
    match problem.code.as_str() {
        "unknown_conversation" | "unknown_mailbox" | "unknown_message" | "unknown_contact" | "not_found" => {
            Failure::NotFound(sentence)
        }
        "ambiguous" if !problem.candidates.is_empty() => {
            Failure::Refused(format!("{sentence}:\n  {}", problem.candidates.join("\n  ")))
        }
        _ => Failure::Refused(sentence),
    }
}

/// The page shows a sentence on its own; here it follows a colon.
fn after_colon(sentence: &str) -> String {
    let sentence = sentence.strip_suffix('.').unwrap_or(sentence);
    let mut chars = sentence.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_document_becomes_its_sentence_and_the_right_exit_code() {
        let failure = refusal(
            404,
            br#"{"type":"about:blank","title":"Not found","status":404,"code":"unknown_conversation","detail":"There is no such conversation here."}"#,
        );
        assert_eq!((failure.exit_code(), failure.to_string().as_str()), (4, "there is no such conversation here"));
        let failure = refusal(400, br#"{"title":"Too long","status":400,"code":"text_too_long","detail":"too long"}"#);
        assert_eq!((failure.exit_code(), failure.to_string().as_str()), (1, "too long"));
        let failure =
            refusal(409, br#"{"title":"","code":"ambiguous","detail":"Several fit.","candidates":["aa11","aa22"]}"#);
        assert_eq!(failure.to_string(), "several fit:\n  aa11\n  aa22");
    }

    #[test]
    fn an_answer_that_is_no_problem_document_is_still_a_sentence() {
        assert_eq!(refusal(500, b"oops").to_string(), "the node refused, with status 500 and no reason");
        assert!(parse::<Status>(b"[]").unwrap_err().to_string().contains("another version"));
    }

    #[tokio::test]
    async fn a_home_where_nothing_listens_has_no_node() {
        let home = Home::choose(Some("/no/such/home".into())).unwrap();
        let failure = Api::of(home).status().await.unwrap_err();
        assert_eq!(failure.exit_code(), 3);
    }
}
