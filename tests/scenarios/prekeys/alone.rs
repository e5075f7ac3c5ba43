//! One engine and what is said to it: a mailbox whose askers and owners may be anybody, and whoever asks a mailbox that may
//! answer anything.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::card::{Card, CardMailbox, CardNode, MailboxLink, SignedCard};
use tidings_crypto::envelope::{PREKEYS_BYTES_MAX, Prekeys};
use tidings_crypto::group::{KeyPackage, Suite as MlsSuite};
use tidings_crypto::identity::LocalNode;
use tidings_crypto::vault::DatabaseKey;
use tidings_node::engine::{Command, Effect, Engine, Input, Outcome, Reply, Ticket};
use tidings_node::handle::{Refused, Suite};
use tidings_node::ids::PeerKey;
use tidings_node::network::{AnswerId, NetworkCommand, NetworkEvent, RequestFailure};
use tidings_node::store::Store;
use tidings_node::wire::request::{DepositVerdict, OpenVerdict, Request, Response};
use zeroize::Zeroizing;

use super::super::stage::block_on;

const NOW_MS: u64 = 1_800_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const WORD: [u8; 32] = [7; 32];

struct Alone {
    engine: Engine,
    rng: ChaCha20Rng,
    now_ms: u64,
}

impl Alone {
    async fn new(name: &str, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let me = LocalNode::generate(0, u64::MAX, &mut rng);
        let store = Store::open_in_memory(&format!("prekeys-{name}-{seed}"), DatabaseKey::from_bytes([7; 32])).await;
        let (engine, _) = Engine::open(store.unwrap(), me, name, NOW_MS, &mut rng).await.unwrap();
        Self { engine, rng, now_ms: NOW_MS }
    }

    async fn handle(&mut self, input: Input) -> Outcome {
        self.engine.handle(vec![input], self.now_ms, &mut self.rng).await.unwrap()
    }

    async fn command(&mut self, command: Command) -> Outcome {
        self.handle(Input::Command { ticket: Ticket(1), command }).await
    }

    async fn answer(&mut self, peer: u8, body: Request) -> Response {
        let asked = NetworkEvent::Requested { peer: PeerKey([peer; 32]), answer: AnswerId(1), body };
        let outcome = self.handle(Input::Network(asked)).await;
        let mut answers = outcome.effects.into_iter().filter_map(|effect| match effect {
            Effect::Network(NetworkCommand::Answer { body, .. }) => Some(body),
            _ => None,
        });
        answers.next().unwrap()
    }
}

fn reply(outcome: Outcome) -> Option<Result<Reply, Refused>> {
    outcome.effects.into_iter().find_map(|effect| match effect {
        Effect::Reply { reply, .. } => Some(reply),
        Effect::Network(_) => None,
    })
}

#[test]
fn a_mailbox_keeps_prekeys_for_the_owner_of_a_queue_and_gives_them_to_who_has_the_word() {
    const QUEUE_OF_ANOTHER: [u8; 32] = [9; 32];
    block_on(async {
        let mut keeper = Alone::new("keeper", 1).await;
        let queue = blake3::derive_key("tidings v1 mailbox queue", &WORD);
        let leave = |queue, prekeys: Vec<u8>| Request::LeavePrekeys { queue, prekeys };
        let verdict = |verdict| Response::LeavePrekeys { verdict };
        let sealed = |fill: u8| vec![fill; PREKEYS_BYTES_MAX];
        let nothing = Response::Prekeys { prekeys: None };
        assert_eq!(
            keeper.answer(1, leave(queue, sealed(1))).await,
            verdict(DepositVerdict::Refused),
            "it serves nobody"
        );
        assert_eq!(keeper.answer(5, Request::Prekeys { token: WORD }).await, nothing);

        keeper.handle(Input::ServeMailboxes(true)).await;
        let Some(Ok(Reply::MailboxLink(link))) = reply(keeper.command(Command::MailboxLink).await) else { panic!() };
        let admission = MailboxLink::parse(&link).unwrap().admission;
        let open = |admission, queue| Request::OpenMailbox { admission, queue };
        let opened = Response::OpenMailbox { verdict: OpenVerdict::Open };
        assert_eq!(keeper.answer(1, leave(queue, sealed(1))).await, verdict(DepositVerdict::Refused), "no such queue");
        assert_eq!(keeper.answer(1, open(admission.clone(), queue)).await, opened);
        assert_eq!(keeper.answer(5, Request::Prekeys { token: WORD }).await, nothing, "nothing was left");
        assert_eq!(keeper.answer(2, leave(queue, sealed(2))).await, verdict(DepositVerdict::Refused), "not the owner");
        for bytes in [0, 1, PREKEYS_BYTES_MAX - 1] {
            assert_eq!(keeper.answer(1, leave(queue, vec![1; bytes])).await, verdict(DepositVerdict::Refused));
        }
        assert_eq!(keeper.answer(1, leave(queue, sealed(1))).await, verdict(DepositVerdict::Kept));
        assert_eq!(keeper.answer(1, leave(queue, sealed(3))).await, verdict(DepositVerdict::Full), "too soon");
        keeper.now_ms += 5_000;
        assert_eq!(keeper.answer(1, leave(queue, sealed(4))).await, verdict(DepositVerdict::Kept));
        assert_eq!(keeper.engine.reader().prekeys_kept().await.unwrap(), 1, "one took the place of the other");

        let given = Response::Prekeys { prekeys: Some(sealed(4)) };
        assert_eq!(keeper.answer(5, Request::Prekeys { token: WORD }).await, given);
        assert_eq!(keeper.answer(5, Request::Prekeys { token: queue }).await, nothing, "not by the queue's name");
        let mut answers = Vec::new();
        for _ in 0..200 {
            answers.push(keeper.answer(6, Request::Prekeys { token: WORD }).await);
        }
        assert_eq!(answers.iter().filter(|answer| **answer == given).count(), 119);
        assert_eq!(answers.last(), Some(&Response::Busy));
        keeper.now_ms += 60_000;
        assert_eq!(keeper.answer(6, Request::Prekeys { token: WORD }).await, given);

        // It starts again.
        let (store, me) = (keeper.engine.into_store(), LocalNode::generate(0, u64::MAX, &mut keeper.rng));
        let (engine, _) = Engine::open(store, me, "keeper", keeper.now_ms, &mut keeper.rng).await.unwrap();
        let mut keeper = Alone { engine, ..keeper };
        keeper.handle(Input::ServeMailboxes(true)).await;
        assert_eq!(keeper.answer(6, Request::Prekeys { token: WORD }).await, given);
        // With a third queue the oldest goes, and what was left there.
        for other in [QUEUE_OF_ANOTHER, [8; 32]] {
            keeper.now_ms += 1;
            assert_eq!(keeper.answer(1, open(admission.clone(), other)).await, opened);
        }
        assert_eq!(keeper.answer(6, Request::Prekeys { token: WORD }).await, nothing);
        assert_eq!(keeper.engine.reader().prekeys_kept().await.unwrap(), 0);
        // What nobody looked into for half a year goes as well.
        keeper.now_ms += 5_000;
        assert_eq!(keeper.answer(1, leave([8; 32], sealed(1))).await, verdict(DepositVerdict::Kept));
        keeper.now_ms += 181 * DAY_MS;
        keeper.handle(Input::Deadline).await;
        assert_eq!(keeper.engine.reader().prekeys_kept().await.unwrap(), 1, "a leap of the clock is no half year");
        for _ in 0..=5 * 24 {
            keeper.now_ms += HOUR_MS;
            keeper.handle(Input::Deadline).await;
        }
        assert_eq!(keeper.engine.reader().prekeys_kept().await.unwrap(), 0);
    });
}

/// Somebody who is away, and has a mailbox.
struct Away {
    me: LocalNode,
    rng: ChaCha20Rng,
}

impl Away {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        Self { me: LocalNode::generate(0, u64::MAX, &mut rng), rng }
    }

    fn card(&mut self, name: &str, serial: u64) -> SignedCard {
        let package = self.package(MlsSuite::Classic, true);
        let mailbox = CardMailbox { peer: PeerKey([3; 32]), addresses: vec![], token: WORD };
        let certificate = self.me.certificate.clone();
        let node = CardNode { certificate, addresses: vec![], key_package: package, mailboxes: vec![mailbox] };
        let card = Card {
            account: self.me.account.public(),
            name: name.to_owned(),
            serial,
            nodes: vec![node],
            proofs: Vec::new(),
        };
        SignedCard::sign(card, &self.me.account).unwrap()
    }

    fn package(&mut self, suite: MlsSuite, last_resort: bool) -> Vec<u8> {
        KeyPackage::generate(&self.me, suite, last_resort, &mut self.rng).unwrap().0.bytes
    }

    fn leaves(&mut self, left_at_ms: u64, card: &SignedCard, package: Vec<u8>) -> Vec<u8> {
        self.seals(&Prekeys { left_at_ms, card: card.bytes().to_vec(), packages: vec![package] }, &WORD)
    }

    fn seals(&mut self, prekeys: &Prekeys, word: &[u8; 32]) -> Vec<u8> {
        prekeys.seal(&self.me.account_id(), word, &mut self.rng).unwrap()
    }
}

/// What somebody who begins a conversation with Bob has when his mailbox answered: the group's suite, and his name.
async fn after(answer: Result<Response, RequestFailure>, seed: u64) -> (Suite, String) {
    let mut bob = Away::new(100);
    let mut alice = Alone::new("asker", seed).await;
    let link = bob.card("Bob", 5).link();
    assert!(matches!(reply(alice.command(Command::AddContact(link)).await), Some(Ok(Reply::Contact(_)))));
    let begin = Command::CreateConversation { contacts: vec![bob.me.account_id()], name: None };
    let outcome = alice.command(begin).await;
    let asked: Vec<_> = outcome
        .effects
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Network(NetworkCommand::RequestApart { key, peer, request, body, .. }) => {
                Some((key, peer, request, body))
            }
            Effect::Network(_) => None,
            Effect::Reply { reply, .. } => panic!("it does not wait: {reply:?}"),
        })
        .collect();
    let [(key, peer, request, body)] = asked.as_slice() else { panic!("{} requests", asked.len()) };
    assert_eq!((*peer, body), (PeerKey([3; 32]), &Request::Prekeys { token: WORD }));
    assert_ne!(*key, Zeroizing::new([0; 32]));
    let (peer, request) = (*peer, *request);
    let came = alice.handle(Input::Network(NetworkEvent::Answered { peer, request, outcome: answer })).await;
    let Some(Ok(Reply::Conversation(conversation))) = reply(came) else { panic!("it still waits") };
    let Some(Ok(Reply::Group(group))) = reply(alice.command(Command::Group(conversation.id)).await) else { panic!() };
    let contacts = alice.engine.reader().contacts().await.unwrap();
    (group.suite, contacts[0].name.clone())
}

#[test]
fn what_a_mailbox_gives_is_used_if_it_proves_itself_and_changes_nothing_otherwise() {
    block_on(async {
        let (mut bob, mut mallory) = (Away::new(100), Away::new(101));
        let given = |sealed: Vec<u8>| Ok(Response::Prekeys { prekeys: Some(sealed) });
        let (same, newer) = (bob.card("Bob", 5), bob.card("Bobby", 6));
        let hybrid = bob.package(MlsSuite::Hybrid, true);

        let right = bob.leaves(NOW_MS, &newer, hybrid.clone());
        assert_eq!(after(given(right.clone()), 1).await, (Suite::Hybrid, "Bobby".to_owned()));
        let right = bob.leaves(NOW_MS - 199 * DAY_MS, &same, hybrid.clone());
        assert_eq!(after(given(right), 2).await, (Suite::Hybrid, "Bob".to_owned()));

        let older = bob.card("Robert", 4);
        let of_mallory = mallory.card("Bob", 9);
        let garbage = Prekeys { left_at_ms: NOW_MS, card: vec![1; 500], packages: vec![hybrid.clone()] };
        let mut damaged = hybrid.clone();
        damaged[200] ^= 1;
        let (once, classic) = (bob.package(MlsSuite::Hybrid, false), bob.package(MlsSuite::Classic, true));
        let mallorys = mallory.package(MlsSuite::Hybrid, true);
        let hostile: Vec<(&str, Result<Response, RequestFailure>)> = vec![
            ("nothing", Ok(Response::Prekeys { prekeys: None })),
            ("busy", Ok(Response::Busy)),
            ("another answer", Ok(Response::Mail)),
            ("no answer", Err(RequestFailure::NotConnected)),
            ("noise", given(vec![5; PREKEYS_BYTES_MAX])),
            ("too short", given(vec![5; 3])),
            ("a card that is none", given(bob.seals(&garbage, &WORD))),
            ("another word", {
                let prekeys = Prekeys { left_at_ms: NOW_MS, card: newer.bytes().to_vec(), packages: vec![] };
                given(bob.seals(&prekeys, &[8; 32]))
            }),
            ("an older card than is known", given(bob.leaves(NOW_MS, &older, hybrid.clone()))),
            ("left too long ago", given(bob.leaves(NOW_MS - 201 * DAY_MS, &newer, hybrid.clone()))),
            ("somebody else's card", given(bob.leaves(NOW_MS, &of_mallory, hybrid.clone()))),
            ("somebody else's key package", given(bob.leaves(NOW_MS, &same, mallorys))),
            ("a damaged key package", given(bob.leaves(NOW_MS, &same, damaged))),
            ("one that is for one use", given(bob.leaves(NOW_MS, &same, once))),
            ("one for another suite", given(bob.leaves(NOW_MS, &same, classic))),
        ];
        for (seed, (what, answer)) in (10..).zip(hostile) {
            assert_eq!(after(answer, seed).await, (Suite::Classic, "Bob".to_owned()), "{what}");
        }
    });
}
