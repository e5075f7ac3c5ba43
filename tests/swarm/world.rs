//! Several networks in one process, driven together.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures::FutureExt;
use futures::future::select_all;
use tidings_node::ids::{Address, PeerKey, TopicTag};
use tidings_node::network::{
    Network, NetworkCommand, NetworkConfig, NetworkEvent, Published, RequestFailure, Verdict, address_text,
};
use tidings_node::wire::request::{
    DepositVerdict, JoinVerdict, OpenVerdict, PushVerdict, Request, Response, WayInAnswer,
};
use tokio::time::timeout;

/// Nothing here takes this long unless it never happens. The build machine is slow and busy.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long to wait before asking the same again.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

pub(crate) const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub(crate) const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

pub(crate) fn config(seed: u8, listen: &[&str]) -> NetworkConfig {
    NetworkConfig {
        seed: [seed; 32].into(),
        listen: listen.iter().map(ToString::to_string).collect(),
        mdns: false,
        upnp: false,
        relay: None,
        local_counts: false,
        chance: [seed; 32],
    }
}

pub(crate) fn tag(number: u16) -> TopicTag {
    let mut tag = [0xa5; 16];
    tag[..2].copy_from_slice(&number.to_be_bytes());
    TopicTag(tag)
}

/// One node: a network, and what an engine would do with its events.
pub(crate) struct Node {
    pub(crate) network: Network,
    /// What it says of gossip, by the first byte of the message.
    pub(crate) judge: fn(u8) -> Option<Verdict>,
    /// Whether it answers requests.
    pub(crate) answers: bool,
    /// Whether it is driven: one that is not stands still like a process that hangs.
    pub(crate) driven: bool,
    /// What it heard, in order: where, and what.
    pub(crate) heard: Vec<(TopicTag, Vec<u8>)>,
    events: VecDeque<NetworkEvent>,
    /// Whom it knows.
    knows: HashSet<PeerKey>,
}

impl Node {
    fn new(network: Network) -> Self {
        Self {
            network,
            judge: |_| Some(Verdict::Accept),
            answers: true,
            driven: true,
            heard: Vec::new(),
            events: VecDeque::new(),
            knows: HashSet::new(),
        }
    }

    pub(crate) fn peer(&self) -> PeerKey {
        self.network.peer()
    }

    pub(crate) fn perform(&mut self, command: NetworkCommand) {
        self.network.perform(command);
    }

    /// The text of its first address.
    pub(crate) fn address_text(&self) -> String {
        address_text(&self.network.addresses()[0], &self.peer()).unwrap()
    }

    fn happened(&mut self, event: NetworkEvent) {
        match &event {
            NetworkEvent::Gossip { message, topic, bytes, .. } => {
                self.heard.push((*topic, bytes.clone()));
                if let Some(verdict) = (self.judge)(bytes.first().copied().unwrap_or(0)) {
                    self.network.perform(NetworkCommand::Verdict { message: *message, verdict });
                }
            }
            NetworkEvent::Requested { answer, body, .. } if self.answers => {
                let body = match body {
                    Request::Hello { card } => Response::Hello { card: card.clone() },
                    Request::Push { envelopes } => {
                        Response::Push { verdicts: vec![PushVerdict::Taken; envelopes.len()] }
                    }
                    Request::Card { account } => Response::Card { card: Some(account.0.to_vec()) },
                    Request::WayIn { .. } => Response::WayIn { answer: WayInAnswer::Unable, ballots: vec![] },
                    Request::Packages => Response::Packages { packages: Vec::new() },
                    Request::Join { .. } => Response::Join { verdict: JoinVerdict::Later },
                    Request::Compare { .. } => Response::Compare { differing: Vec::new() },
                    Request::Reconcile { .. } => Response::Reconcile { answer: None },
                    Request::OpenMailbox { .. } => Response::OpenMailbox { verdict: OpenVerdict::Open },
                    Request::Deposit { deposits, .. } => {
                        Response::Deposit { verdicts: vec![DepositVerdict::Kept; deposits.len()] }
                    }
                    Request::Collect { .. } => Response::Collect { serves: true, deposits: Vec::new() },
                    Request::Groups => Response::Groups { groups: Vec::new() },
                    Request::Proof { .. } => Response::Proof { proof: None },
                    Request::Mail => Response::Mail,
                    Request::LeavePrekeys { .. } => Response::LeavePrekeys { verdict: DepositVerdict::Refused },
                    Request::Prekeys { .. } => Response::Prekeys { prekeys: None },
                    Request::Time => Response::Time { at_ms: 1 },
                };
                self.network.perform(NetworkCommand::Answer { answer: *answer, body });
            }
            _ => {}
        }
        self.events.push_back(event);
    }
}

/// The nodes of a test.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) nodes: Vec<Node>,
    publications: u64,
}

impl World {
    /// As many nodes as there are listening addresses, with seeds 1, 2, 3 ….
    pub(crate) async fn new(listen: &[&str]) -> Self {
        let mut world = Self::default();
        for (seed, listen) in (1..).zip(listen) {
            world.start(config(seed, &[listen])).await;
        }
        world
    }

    /// Starts one more node.
    pub(crate) async fn start(&mut self, config: NetworkConfig) -> usize {
        let network = Network::start(config).await.unwrap();
        self.nodes.push(Node::new(network));
        self.nodes.len() - 1
    }

    /// Has one node know another, and dial it.
    pub(crate) fn know(&mut self, who: usize, whom: usize) {
        let (peer, addresses) = (self.nodes[whom].peer(), self.nodes[whom].network.addresses());
        self.know_at(who, peer, addresses);
    }

    /// Has one node know a peer at these addresses. A node that is known knows the other, too, as an engine would from
    /// the first greeting on, though not where it is.
    pub(crate) fn know_at(&mut self, who: usize, peer: PeerKey, addresses: Vec<Address>) {
        self.nodes[who].knows.insert(peer);
        self.nodes[who].perform(NetworkCommand::Know { peer, addresses });
        let own = self.nodes[who].peer();
        if let Some(other) = self.nodes.iter_mut().find(|node| node.peer() == peer && peer != own)
            && other.knows.insert(own)
        {
            other.perform(NetworkCommand::Know { peer: own, addresses: vec![] });
        }
    }

    /// Has one node dial another, and waits until both are connected.
    pub(crate) async fn connect(&mut self, who: usize, whom: usize) {
        self.know(who, whom);
        let (one, other) = (self.nodes[who].peer(), self.nodes[whom].peer());
        self.wait_for("a connection here", who, |event| is_connected(event, other)).await;
        self.wait_for("a connection there", whom, |event| is_connected(event, one)).await;
    }

    /// Drives all nodes until one of them says something.
    async fn step(&mut self) {
        let driven: Vec<_> = (0..self.nodes.len()).filter(|node| self.nodes[*node].driven).collect();
        let all = self.nodes.iter_mut().filter(|node| node.driven);
        let (event, place, _) = select_all(all.map(|node| node.network.next().boxed())).await;
        self.nodes[driven[place]].happened(event);
    }

    /// Drives all nodes until something else is done.
    pub(crate) async fn alongside<T>(&mut self, what: &str, other: impl Future<Output = T>) -> T {
        let both = async {
            let mut other = std::pin::pin!(other);
            loop {
                tokio::select! {
                    done = &mut other => return done,
                    () = self.step() => {}
                }
            }
        };
        timeout(PATIENCE, both).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
    }

    /// Stops a node without a word to anybody, and starts it again with the same key at the same addresses.
    pub(crate) async fn restart(&mut self, node: usize, seed: u8) {
        self.restart_as(node, config(seed, &[])).await;
    }

    /// The same, with other settings.
    pub(crate) async fn restart_as(&mut self, node: usize, settings: NetworkConfig) {
        let texts: Vec<_> = {
            let Node { network, .. } = &self.nodes[node];
            network.addresses().iter().map(|address| address_text(address, &network.peer()).unwrap()).collect()
        };
        let knows = self.nodes.remove(node).knows;
        let listen = texts.iter().map(|text| text.split_once("/p2p/").unwrap().0.to_owned()).collect();
        let settings = NetworkConfig { listen, ..settings };
        // The tasks of the old one may hold the port for another moment.
        let network = loop {
            match Network::start(settings.clone()).await {
                Ok(network) => break network,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        };
        self.nodes.insert(node, Node::new(network));
        for peer in knows {
            self.know_at(node, peer, vec![]);
        }
    }

    /// Drives all nodes for a moment.
    pub(crate) async fn pause(&mut self) {
        drop(
            timeout(PAUSE, async {
                loop {
                    self.step().await;
                }
            })
            .await,
        );
    }

    /// Drives all nodes until something is so.
    pub(crate) async fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        let waiting = async {
            while !is_so(self) {
                self.step().await;
            }
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("waited too long for {what}"));
    }

    /// Takes the first event of a node that fits, driving all until there is one; earlier ones that do not fit stay.
    pub(crate) async fn wait_for(
        &mut self,
        what: &str,
        node: usize,
        fits: impl Fn(&NetworkEvent) -> bool,
    ) -> NetworkEvent {
        self.until(what, |world| world.nodes[node].events.iter().any(&fits)).await;
        let place = self.nodes[node].events.iter().position(fits).unwrap();
        self.nodes[node].events.remove(place).unwrap()
    }

    /// Takes all events of a node so far.
    pub(crate) fn take_events(&mut self, node: usize) -> Vec<NetworkEvent> {
        self.nodes[node].events.drain(..).collect()
    }

    pub(crate) fn subscribe(&mut self, topic: TopicTag, nodes: &[usize]) {
        for node in nodes {
            self.nodes[*node].perform(NetworkCommand::Subscribe(topic));
        }
    }

    /// Publishes once, and says what became of it.
    pub(crate) async fn publish_once(&mut self, node: usize, topic: TopicTag, bytes: Vec<u8>) -> Published {
        self.publications += 1;
        let publication = self.publications;
        self.nodes[node].perform(NetworkCommand::Publish { topic, publication, bytes });
        let is_outcome = |event: &NetworkEvent| matches!(event, NetworkEvent::Published { publication: of, .. } if *of == publication);
        match self.wait_for("the outcome of a publication", node, is_outcome).await {
            NetworkEvent::Published { outcome, .. } => outcome,
            other => panic!("{other:?}"),
        }
    }

    /// Publishes until somebody hears it.
    pub(crate) async fn publish(&mut self, node: usize, topic: TopicTag, bytes: Vec<u8>) {
        loop {
            match self.publish_once(node, topic, bytes.clone()).await {
                Published::Sent => return,
                Published::NobodySubscribed => self.pause().await,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits until a node heard these bytes on a topic.
    pub(crate) async fn heard(&mut self, node: usize, topic: TopicTag, bytes: &[u8]) {
        let heard = |world: &Self| world.nodes[node].heard.iter().any(|(on, what)| *on == topic && what == bytes);
        self.until("a message", heard).await;
    }

    /// Publishes here and waits until it is heard there, and the other way round.
    pub(crate) async fn talk(&mut self, one: usize, other: usize, topic: TopicTag, word: &str) {
        for (from, to) in [(one, other), (other, one)] {
            let bytes = format!("{word} from {from}").into_bytes();
            self.publish(from, topic, bytes.clone()).await;
            self.heard(to, topic, &bytes).await;
        }
    }

    /// Asks and waits for the outcome.
    pub(crate) async fn ask(&mut self, who: usize, whom: usize, body: Request) -> Result<Response, RequestFailure> {
        let peer = self.nodes[whom].peer();
        self.publications += 1;
        let request = self.publications;
        self.nodes[who].perform(NetworkCommand::Request { peer, request, body });
        self.answered(who, request).await
    }

    pub(crate) async fn answered(&mut self, who: usize, request: u64) -> Result<Response, RequestFailure> {
        let is_answer =
            |event: &NetworkEvent| matches!(event, NetworkEvent::Answered { request: of, .. } if *of == request);
        match self.wait_for("an answer", who, is_answer).await {
            NetworkEvent::Answered { outcome, .. } => outcome,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn is_connected(event: &NetworkEvent, to: PeerKey) -> bool {
    matches!(event, NetworkEvent::Connected { peer, .. } if *peer == to)
}

pub(crate) fn is_disconnected(event: &NetworkEvent, from: PeerKey) -> bool {
    matches!(event, NetworkEvent::Disconnected { peer } if *peer == from)
}
