//! The live stream: a WebSocket for the page, server-sent events for scripts, the same frames on both.
//!
//! A stream begins with `hello`; it goes on after the frame that the client saw last, or says `lagged`. It ends when
//! its session is signed out or its token revoked or expired, when the node stops, and when its client does not take what it is sent.
//! Why two transports: docs/decisions/0002.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tidings_node::event::{Event, Notice};
use tidings_node::handle::{Events, Handle, Refused};
use tidings_node::ids::SessionId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

use crate::convert::{event_id_from, event_id_text, frame};
use crate::dto;
use crate::error::{Error, RequestError};
use crate::extract::Query;
use crate::router::App;
use crate::session::SignedIn;
use crate::session::tokens::Scope;

/// So many streams may be open at once. A guess: a person has a few tabs and a few scripts.
pub(crate) const STREAMS_MAX: usize = 64;
/// So many of them with tokens, so that programs leave room for the page.
const TOKEN_STREAMS_MAX: usize = 32;
/// Whether a token has expired is looked at this often, besides at every frame: the clock may be set.
const TOKEN_LOOK_EVERY: Duration = Duration::from_mins(1);
/// A ping goes out this often, so that a client that is gone is noticed.
const PING_EVERY: Duration = Duration::from_secs(20);
/// After so many pings without an answer the client is gone.
const PINGS_UNANSWERED_MAX: u32 = 2;
/// A client that takes nothing for so long is let go; it resumes where it was.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The page sends nothing but pongs and a goodbye.
const INCOMING_BYTES_MAX: usize = 4 * 1024;

/// WebSocket close codes: RFC 6455 §7.4.1, and one of our own for a session that was ended.
const CLOSE_GOING_AWAY: u16 = 1001;
const CLOSE_SIGNED_OUT: u16 = 4401;

/// What all live streams of a node share.
#[derive(Debug)]
pub(crate) struct Streams {
    places: Arc<Semaphore>,
    token_places: Arc<Semaphore>,
    visitors_changed: watch::Sender<()>,
    closing: watch::Receiver<bool>,
}

impl Streams {
    /// Streams that end once `closing` turns true.
    pub(crate) fn new(closing: watch::Receiver<bool>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(STREAMS_MAX)),
            token_places: Arc::new(Semaphore::new(TOKEN_STREAMS_MAX)),
            visitors_changed: watch::Sender::new(()),
            closing,
        }
    }

    /// A session or a token was ended: every stream looks whether it was its own.
    pub(crate) fn check_visitors(&self) {
        self.visitors_changed.send_replace(());
    }

    /// Resolves once no stream is open.
    pub(crate) async fn ended(&self) {
        let all = u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX);
        // The semaphore is never closed, so this only waits.
        drop(self.places.acquire_many(all).await);
    }
}

/// Follows events as server-sent events: `event` is the frame's type, `data` the whole frame as JSON.
///
/// `Last-Event-ID` or `after` resume after a frame that was seen before. A token is sent what happens in the conversations
/// that it reaches, and nothing about contacts, peers or the profile.
#[utoipa::path(
    get, path = "/events", tag = "events", operation_id = "events",
    params(dto::ResumeQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last frame")),
    responses((status = 200, description = "Frames, for as long as both sides like", body = dto::Frame,
        content_type = "text/event-stream"))
)]
pub(crate) async fn follow(
    State(app): State<App>,
    Query(resume): Query<dto::ResumeQuery>,
    headers: HeaderMap,
    signed_in: Option<Extension<SignedIn>>,
    scope: Scope,
) -> Result<Response, Error> {
    let last = match headers.get("last-event-id") {
        Some(value) => {
            Some(value.to_str().map_err(|_| RequestError::BadRequest("Last-Event-ID is no text".to_owned()))?)
        }
        None => resume.after.as_deref(),
    };
    let stream = LiveStream::open(&app, last, signed_in, scope)?;
    let events = futures::stream::unfold(stream, async |mut stream| match stream.next().await {
        Ok(frame) => Some((Ok::<_, Infallible>(server_sent(&frame)), stream)),
        Err(_) => None,
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(PING_EVERY).text("ping")).into_response())
}

fn server_sent(frame: &dto::Frame) -> sse::Event {
    sse::Event::default().id(&frame.id).event(frame.event.name()).data(json(frame))
}

/// Follows events over a WebSocket: each text message is one frame as JSON. `after` resumes.
#[utoipa::path(
    get, path = "/live", tag = "events", operation_id = "live", params(dto::ResumeQuery),
    responses((status = 101, description = "Frames, for as long as both sides like"))
)]
pub(crate) async fn live(
    State(app): State<App>,
    Query(resume): Query<dto::ResumeQuery>,
    signed_in: Option<Extension<SignedIn>>,
    scope: Scope,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    let upgrade = upgrade.map_err(|_| RequestError::BadRequest("this address wants a WebSocket".to_owned()))?;
    let stream = LiveStream::open(&app, resume.after.as_deref(), signed_in, scope)?;
    let upgrade = upgrade.max_message_size(INCOMING_BYTES_MAX).max_frame_size(INCOMING_BYTES_MAX);
    Ok(upgrade.on_upgrade(|socket| converse(socket, stream)))
}

async fn converse(mut socket: WebSocket, mut stream: LiveStream) {
    let mut pings = tokio::time::interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once.
    pings.tick().await;
    let mut unanswered = 0;
    loop {
        let message = tokio::select! {
            next = stream.next() => match next {
                Ok(frame) => Message::Text(json(&frame).into()),
                Err(End::SignedOut) => Message::Close(Some(close(CLOSE_SIGNED_OUT, "signed out"))),
                Err(End::GoingAway) => Message::Close(Some(close(CLOSE_GOING_AWAY, "the node has stopped"))),
            },
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    unanswered = 0;
                    continue;
                }
            },
            _ = pings.tick() => {
                if unanswered == PINGS_UNANSWERED_MAX {
                    return;
                }
                unanswered += 1;
                Message::Ping(Vec::new().into())
            }
        };
        let last = matches!(message, Message::Close(_));
        let sent = tokio::time::timeout(SEND_TIMEOUT, socket.send(message)).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

fn close(code: u16, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

fn json(frame: &dto::Frame) -> String {
    // Strings, numbers and lists of them always have a JSON form.
    serde_json::to_string(frame).unwrap_or_default()
}

/// Why a stream sends no more.
enum End {
    SignedOut,
    GoingAway,
}

/// One client's way through the events.
struct LiveStream {
    handle: Handle,
    events: Events,
    hello: Option<dto::Frame>,
    session: Option<SessionId>,
    scope: Scope,
    visitor_in_doubt: bool,
    visitors_changed: watch::Receiver<()>,
    closing: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
    _token_place: Option<OwnedSemaphorePermit>,
}

impl LiveStream {
    fn open(
        app: &App,
        after: Option<&str>,
        signed_in: Option<Extension<SignedIn>>,
        scope: Scope,
    ) -> Result<Self, Error> {
        let streams = &app.streams;
        let after = after.map(event_id_from).transpose()?;
        // From here on no sign-out is missed.
        let visitors_changed = streams.visitors_changed.subscribe();
        let full = |limit| Refused::LimitReached { what: "live streams", limit: limit as u64 };
        let token_place = if scope.is_owner() {
            None
        } else {
            let place = Arc::clone(&streams.token_places).try_acquire_owned();
            Some(place.map_err(|_| full(TOKEN_STREAMS_MAX))?)
        };
        let place = Arc::clone(&streams.places).try_acquire_owned().map_err(|_| full(STREAMS_MAX))?;
        let events = app.handle.events(after);
        // Not the stream's own place where it resumes: a client that is cut off before `lagged` arrives would take the
        // greeting for where it is, and never learn that it missed something.
        let at = after.unwrap_or_else(|| events.position());
        let hello = dto::Frame { id: event_id_text(at), event: dto::Event::Hello { account: app.account.to_string() } };
        Ok(Self {
            handle: app.handle.clone(),
            events,
            hello: Some(hello),
            session: signed_in.map(|Extension(SignedIn(session))| session.id),
            scope,
            visitor_in_doubt: true,
            visitors_changed,
            closing: streams.closing.clone(),
            _place: place,
            _token_place: token_place,
        })
    }

    /// The next thing to send. Dropping it unfinished loses nothing.
    async fn next(&mut self) -> Result<dto::Frame, End> {
        loop {
            if self.visitor_in_doubt {
                if !self.is_let_in().await {
                    return Err(End::SignedOut);
                }
                self.visitor_in_doubt = false;
            }
            let look_again = self.until_a_look()?;
            if let Some(hello) = self.hello.take() {
                return Ok(hello);
            }
            let notice = tokio::select! {
                biased;
                _ = self.closing.wait_for(|closing| *closing) => return Err(End::GoingAway),
                _ = self.visitors_changed.changed() => {
                    self.visitor_in_doubt = true;
                    continue;
                }
                () = look_again => continue,
                notice = self.events.next() => notice.ok_or(End::GoingAway)?,
            };
            // What waited in line for a while may come after the token's end.
            drop(self.until_a_look()?);
            match notice {
                Notice::Event(_, event) if !is_for(&self.scope, &event) => {}
                Notice::Event(id, event) => return Ok(frame(id, event)),
                Notice::Lagged(id) => return Ok(dto::Frame { id: event_id_text(id), event: dto::Event::Lagged }),
            }
        }
    }

    /// Waits until the token's end has to be looked at; without one, for ever. An error once it is over.
    fn until_a_look(&self) -> Result<impl Future<Output = ()> + use<>, End> {
        let left = match &self.scope.0 {
            None => None,
            Some(token) => {
                let left_ms = self.handle.token_ends_in_ms(token).ok_or(End::SignedOut)?;
                Some(Duration::from_millis(left_ms).min(TOKEN_LOOK_EVERY))
            }
        };
        Ok(async move {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        })
    }

    async fn is_let_in(&self) -> bool {
        if let Some(token) = &self.scope.0 {
            return self.handle.is_token_good(token).await.unwrap_or(false);
        }
        let Some(mine) = self.session else { return true };
        self.handle.sessions().await.is_ok_and(|sessions| sessions.iter().any(|session| session.id == mine))
    }
}

/// Whether an event may be told: to the owner all of them, to a token what happens where it reaches.
fn is_for(scope: &Scope, event: &Event) -> bool {
    match event {
        Event::Message(message) => scope.reaches(message.conversation),
        Event::MessageGone { conversation, .. } | Event::States { conversation, .. } => scope.reaches(*conversation),
        Event::Conversation(conversation) => scope.reaches(conversation.id),
        Event::Contact(_) | Event::Peers { .. } | Event::Requests { .. } | Event::Profile => scope.is_owner(),
    }
}
