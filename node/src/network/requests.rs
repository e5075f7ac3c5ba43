//! The requests in flight, in both directions, within limits (PROTOCOL §5.4).

use std::collections::HashMap;

use libp2p::request_response::{
    Behaviour, Event, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
};

use super::codec::RequestCodec;
use super::event::{AnswerId, NetworkEvent, RequestFailure};
use super::peer::{peer_id, peer_key};
use crate::ids::PeerKey;
use crate::wire::request::{Request, Response};

/// We ask at most this much at once of all peers, and of one.
pub(super) const ASKED_MAX: usize = 1_024;
pub(super) const ASKED_OF_ONE_MAX: usize = 16;
/// At most this many requests of all peers wait for our answers, and of one; more are answered with
/// [`Response::Busy`] at once. A request is a mebibyte at most.
pub(super) const OWED_MAX: usize = 256;
pub(super) const OWED_TO_ONE_MAX: usize = 16;

/// What we asked, and what we owe.
#[derive(Debug, Default)]
pub(super) struct Requests {
    asked: HashMap<OutboundRequestId, (PeerKey, u64)>,
    owed: HashMap<AnswerId, Owed>,
    by_request: HashMap<InboundRequestId, AnswerId>,
    answer_next: u64,
}

#[derive(Debug)]
struct Owed {
    peer: PeerKey,
    request: InboundRequestId,
    channel: ResponseChannel<Response>,
}

impl Requests {
    /// Asks a peer, or says at once why not.
    pub(super) fn ask(
        &mut self,
        protocol: &mut Behaviour<RequestCodec>,
        peer: PeerKey,
        request: u64,
        body: Request,
        connected: bool,
    ) -> Option<NetworkEvent> {
        let of_one = self.asked.values().filter(|(asked, _)| *asked == peer).count();
        let failure = match peer_id(&peer) {
            Some(_) if body.check().is_err() => RequestFailure::TooLarge,
            Some(_) if self.asked.len() >= ASKED_MAX || of_one >= ASKED_OF_ONE_MAX => RequestFailure::TooMany,
            Some(id) if connected => {
                self.asked.insert(protocol.send_request(&id, body), (peer, request));
                return None;
            }
            _ => RequestFailure::NotConnected,
        };
        Some(NetworkEvent::Answered { peer, request, outcome: Err(failure) })
    }

    /// Answers a request, if it still waits.
    pub(super) fn answer(&mut self, protocol: &mut Behaviour<RequestCodec>, answer: AnswerId, body: Response) {
        let Some(owed) = self.owed.remove(&answer) else { return };
        self.by_request.remove(&owed.request);
        // The peer may be gone: then nobody waits for it.
        drop(protocol.send_response(owed.channel, body));
    }

    /// What the protocol says, in the engine's words.
    pub(super) fn happened(
        &mut self,
        protocol: &mut Behaviour<RequestCodec>,
        event: Event<Request, Response>,
    ) -> Option<NetworkEvent> {
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let peer = peer_key(&peer)?;
                let to_one = self.owed.values().filter(|owed| owed.peer == peer).count();
                if self.owed.len() >= OWED_MAX || to_one >= OWED_TO_ONE_MAX {
                    drop(protocol.send_response(channel, Response::Busy));
                    return None;
                }
                self.answer_next = self.answer_next.wrapping_add(1);
                let answer = AnswerId(self.answer_next);
                self.owed.insert(answer, Owed { peer, request: request_id, channel });
                self.by_request.insert(request_id, answer);
                Some(NetworkEvent::Requested { peer, answer, body: request })
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                let (peer, request) = self.asked.remove(&request_id)?;
                Some(NetworkEvent::Answered { peer, request, outcome: Ok(response) })
            }
            Event::OutboundFailure { request_id, error, .. } => {
                let (peer, request) = self.asked.remove(&request_id)?;
                Some(NetworkEvent::Answered { peer, request, outcome: Err(failure(&error)) })
            }
            Event::InboundFailure { request_id, .. } => {
                let answer = self.by_request.remove(&request_id)?;
                self.owed.remove(&answer);
                None
            }
            Event::ResponseSent { .. } => None,
        }
    }
}

pub(super) fn failure(error: &OutboundFailure) -> RequestFailure {
    match error {
        OutboundFailure::DialFailure => RequestFailure::NotConnected,
        OutboundFailure::Timeout => RequestFailure::TimedOut,
        OutboundFailure::ConnectionClosed => RequestFailure::Disconnected,
        OutboundFailure::UnsupportedProtocols => RequestFailure::Unsupported,
        OutboundFailure::Io(_) => RequestFailure::Broken,
    }
}
