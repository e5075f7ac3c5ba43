//! What nodes say to each other, and what becomes of it on the way.

use anyhow::Result;
use tidings_node::ids::{PeerKey, TopicTag};
use tidings_node::network::{AnswerId, GossipId, NetworkCommand, NetworkEvent, Published, RequestFailure, Verdict};
use tidings_node::wire::request::{Request, Response};

use super::site::{Happening, pair};
use super::{Place, REQUEST_TIMEOUT_MS, World};

impl World {
    pub(super) fn network(&mut self, at: Place, command: NetworkCommand) -> Result<()> {
        match command {
            NetworkCommand::Subscribe(topic) => {
                self.site(at)?.subscribed.insert(topic);
            }
            NetworkCommand::Unsubscribe(topic) => {
                self.site(at)?.subscribed.remove(&topic);
            }
            NetworkCommand::Publish { topic, publication, bytes } => {
                self.inspect(&bytes);
                self.publish(at, topic, publication, &bytes)?;
            }
            NetworkCommand::Verdict { message, verdict } => {
                let held = self.site(at)?.gossip_held.remove(&message);
                if let (Some((topic, bytes)), Verdict::Accept) = (held, verdict) {
                    self.gossip(at, topic, &bytes)?;
                }
            }
            NetworkCommand::RequestApart { key, peer, request, body, .. } => {
                // No connection stands: the other node needs to be up, and not cut off.
                let to = self.sites.iter().position(|site| site.peer == peer);
                let asker = PeerKey(*blake3::hash(key.as_slice()).as_bytes());
                let reachable = to.filter(|to| self.has_way(at, *to));
                self.ask(at, (asker, reachable), (peer, request), body)?;
            }
            NetworkCommand::Request { peer, request, body } => {
                let to = self.sites.iter().position(|site| site.peer == peer);
                let reachable = to.filter(|to| self.connected.contains(&pair(at, *to)));
                let asker = self.site(at)?.peer;
                self.ask(at, (asker, reachable), (peer, request), body)?;
            }
            NetworkCommand::Answer { answer, mut body } => {
                if self.site(at)?.withholds
                    && let Response::Collect { deposits, .. } = &mut body
                {
                    deposits.clear();
                }
                let Some((from, start, request)) = self.site(at)?.answers_owed.remove(&answer) else { return Ok(()) };
                let lost = self.is_cut(at, from) || self.is_lost(20);
                if lost || self.site(from)?.start != start {
                    return Ok(());
                }
                // A circuit that ends here has failed the request already.
                let bytes = body.encode().map_or(0, |bytes| bytes.len());
                let Some(detour_ms) = self.carry(at, from, bytes)? else { return Ok(()) };
                if self.pending_requests.remove(&(from, request)).is_some() {
                    let peer = self.site(at)?.peer;
                    let after_ms = self.latency_ms() + detour_ms;
                    self.deliver(from, NetworkEvent::Answered { peer, request, outcome: Ok(body) }, after_ms)?;
                }
            }
            NetworkCommand::Know { peer, .. } => {
                self.site(at)?.known.insert(peer);
                if let Some(other) = self.sites.iter().position(|site| site.peer == peer) {
                    self.schedule(self.now_ms + 5, Happening::Dial { one: at, other });
                }
            }
            NetworkCommand::Forget(peer) => {
                self.site(at)?.known.remove(&peer);
            }
        }
        Ok(())
    }

    /// One node asks another, if it can be reached.
    fn ask(
        &mut self,
        at: Place,
        (asker, to): (PeerKey, Option<Place>),
        (peer, request): (PeerKey, u64),
        body: Request,
    ) -> Result<()> {
        if let Request::Push { envelopes } | Request::Deposit { deposits: envelopes, .. } = &body {
            for bytes in envelopes {
                self.inspect(bytes);
            }
        }
        let Some(to) = to else {
            let outcome = Err(RequestFailure::NotConnected);
            return self.deliver(at, NetworkEvent::Answered { peer, request, outcome }, 1);
        };
        let start = self.site(at)?.start;
        self.pending_requests.insert((at, request), to);
        self.schedule(self.now_ms + REQUEST_TIMEOUT_MS, Happening::TimeOut { from: at, start, to, request });
        if self.is_cut(at, to) || self.is_lost(20) {
            return Ok(());
        }
        let bytes = if self.relay_of(at, to).is_some() { body.encode().map_or(0, |bytes| bytes.len()) } else { 0 };
        let Some(detour_ms) = self.carry(at, to, bytes)? else { return Ok(()) };
        self.next_answer += 1;
        let answer = AnswerId(self.next_answer);
        self.site(to)?.answers_owed.insert(answer, (at, start, request));
        if let Some(ailing) = &mut self.site(to)?.ailing {
            ailing.asked(answer, &body);
        }
        let after_ms = self.latency_ms() + detour_ms;
        self.deliver(to, NetworkEvent::Requested { peer: asker, answer, body }, after_ms)
    }

    fn publish(&mut self, at: Place, topic: TopicTag, publication: u64, bytes: &[u8]) -> Result<()> {
        let hearers = self.hearers(at, topic);
        let outcome = if hearers.is_empty() {
            Published::NobodySubscribed
        } else if self.is_lost(30) {
            Published::QueuesFull
        } else {
            Published::Sent
        };
        if outcome == Published::Sent {
            self.site(at)?.gossip_seen.insert(*blake3::hash(bytes).as_bytes());
            self.gossip(at, topic, bytes)?;
        }
        self.deliver(at, NetworkEvent::Published { publication, outcome }, 0)
    }

    /// Looks for a name or the words of a message in what the swarm is given to carry.
    fn inspect(&mut self, bytes: &[u8]) {
        let readable = [b"message ".as_slice(), b"Node 0", b"Node 1"];
        let shows = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        self.readable += u64::from(readable.into_iter().any(shows));
    }

    fn hearers(&self, at: Place, topic: TopicTag) -> Vec<Place> {
        let hears = |place: &Place| {
            self.connected.contains(&pair(at, *place))
                && self.sites.get(*place).is_some_and(|site| site.subscribed.contains(&topic))
        };
        (0..self.sites.len()).filter(|place| *place != at).filter(hears).collect()
    }

    fn gossip(&mut self, from: Place, topic: TopicTag, bytes: &[u8]) -> Result<()> {
        for to in self.hearers(from, topic) {
            if self.is_cut(from, to) || self.is_lost(10) {
                continue;
            }
            let Some(detour_ms) = self.carry(from, to, bytes.len())? else { continue };
            let copies = if self.faults_on && self.faults.duplicate && self.below(8) == 0 { 2 } else { 1 };
            for copy in 0..copies {
                // A duplicate slips past the gossip cache, as one does after a minute.
                if !self.site(to)?.gossip_seen.insert(*blake3::hash(bytes).as_bytes()) && copy == 0 {
                    break;
                }
                self.next_gossip += 1;
                let message = GossipId(self.next_gossip);
                self.site(to)?.gossip_held.insert(message, (topic, bytes.to_vec()));
                let peer = self.site(from)?.peer;
                let after_ms = self.latency_ms() + detour_ms + copy * 70_000;
                let event = NetworkEvent::Gossip { message, topic, bytes: bytes.to_vec(), from: peer };
                self.deliver(to, event, after_ms)?;
            }
        }
        Ok(())
    }

    /// One in `odds`, if losses are among the faults.
    fn is_lost(&mut self, odds: u64) -> bool {
        self.faults_on && self.faults.loss && self.below(odds) == 0
    }

    fn latency_ms(&mut self) -> u64 {
        match (self.faults_on && self.faults.delay, self.faults_on && self.faults.reorder) {
            (false, false) => 1,
            (true, false) => 200,
            (_, true) => 1 + self.below(800),
        }
    }
}
