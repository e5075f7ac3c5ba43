//! What members bring each other when the author is away (PROTOCOL §6.13).

use tidings_node::engine::{Effect, Input};
use tidings_node::handle::MessageKind;
use tidings_node::ids::{ConversationId, PeerKey};
use tidings_node::network::{AnswerId, NetworkCommand, NetworkEvent};
use tidings_node::sync::begin;
use tidings_node::wire::request::{Request, Response};
use tidings_tests::world::{Place, World};

use super::stage::{ask, assert_same, block_on, create, cut, remove, rename, run_for, send, transcript, walkers};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What people wrote, in order.
async fn words(world: &mut World, at: Place, id: ConversationId) -> Vec<String> {
    let texts = transcript(world, at, id).await.into_iter().filter(|message| message.kind == MessageKind::Text);
    texts.map(|message| message.text).collect()
}

/// Three people who know each other, in one group.
async fn three(seed: u64) -> (World, ConversationId) {
    let (mut world, id) = Box::pin(walkers(seed, 3)).await;
    world.exchange_links(1, 2).await.unwrap();
    run_for(&mut world, 120_000).await;
    (world, id)
}

#[test]
fn what_one_wrote_reaches_another_through_the_third_when_the_author_has_gone_for_good() {
    block_on(async {
        let (mut world, id) = three(901).await;
        world.crash(1).unwrap();
        for text in ["one", "two", "three"] {
            send(&mut world, 0, id, text).await;
            run_for(&mut world, 3_000).await;
        }
        world.crash(0).unwrap();
        run_for(&mut world, 60_000).await;
        world.start(1).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_eq!(words(&mut world, 1, id).await, ["one", "two", "three"]);
        let here = transcript(&mut world, 1, id).await;
        assert!(here.iter().all(|message| !message.late), "nobody had read past them");
        assert_same(&mut world, &[1, 2], id).await;
    });
}

#[test]
fn an_author_knows_who_keeps_its_message_for_whom_it_could_not_reach() {
    block_on(async {
        let (mut world, id) = three(908).await;
        world.crash(1).unwrap();
        cut(&mut world, 2, false);
        run_for(&mut world, 20_000).await;
        let sent = send(&mut world, 0, id, "for both").await;
        assert_eq!(world.engine(0).unwrap().reader().keepers(sent).await.unwrap(), []);
        cut(&mut world, 2, true);
        run_for(&mut world, 10_000).await;
        let cara = world.peer(2).unwrap();
        let keepers = world.engine(0).unwrap().reader().keepers(sent).await.unwrap();
        assert_eq!(keepers.iter().map(|keeper| keeper.peer).collect::<Vec<_>>(), [cara]);
        world.crash(0).unwrap();
        world.start(1).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_eq!(words(&mut world, 1, id).await, ["for both"], "as it was said");
        world.start(0).await.unwrap();
        for _ in 0..31 {
            run_for(&mut world, DAY_MS).await;
        }
        assert_eq!(world.engine(0).unwrap().reader().keepers(sent).await.unwrap(), []);
    });
}

/// Nothing follows it that would tell that it is missing.
#[test]
fn the_last_message_of_a_session_arrives_though_its_author_never_returns() {
    block_on(async {
        let (mut world, id) = three(902).await;
        send(&mut world, 0, id, "before").await;
        run_for(&mut world, 10_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 20_000).await;
        send(&mut world, 0, id, "the last").await;
        run_for(&mut world, 5_000).await;
        world.crash(0).unwrap();
        cut(&mut world, 1, true);
        run_for(&mut world, 10_000).await;
        assert_eq!(words(&mut world, 1, id).await, ["before", "the last"]);
    });
}

#[test]
fn a_commit_and_what_was_written_after_it_come_together_and_in_order() {
    block_on(async {
        let (mut world, id) = walkers(903, 4).await;
        world.exchange_links(1, 2).await.unwrap();
        run_for(&mut world, 120_000).await;
        world.crash(1).unwrap();
        // The topic turns over with it: what follows is of one that the first does not know.
        remove(&mut world, 0, id, 3).await;
        ask(&mut world, 0, rename(id, "Climbing")).await.unwrap();
        for number in 0..20 {
            send(&mut world, 0, id, &format!("number {number}")).await;
        }
        run_for(&mut world, 30_000).await;
        world.crash(0).unwrap();
        world.crash(3).unwrap();
        world.start(1).await.unwrap();
        run_for(&mut world, 20_000).await;
        let expected: Vec<String> = (0..20).map(|number| format!("number {number}")).collect();
        assert_eq!(words(&mut world, 1, id).await, expected);
        assert_same(&mut world, &[1, 2], id).await;
    });
}

#[test]
fn a_node_that_comes_back_after_weeks_gets_what_was_written_from_whoever_is_there() {
    block_on(async {
        let (mut world, id) = three(904).await;
        world.crash(1).unwrap();
        for week in 0..3 {
            send(&mut world, 0, id, &format!("in week {week}")).await;
            run_for(&mut world, 7 * DAY_MS).await;
        }
        world.crash(0).unwrap();
        world.start(1).await.unwrap();
        run_for(&mut world, 30_000).await;
        assert_eq!(words(&mut world, 1, id).await, ["in week 0", "in week 1", "in week 2"]);
        run_for(&mut world, 60_000).await;
        assert_same(&mut world, &[1, 2], id).await;
    });
}

/// What a node answers to a question of a peer, and what it asks of it.
async fn put(world: &mut World, at: Place, peer: PeerKey, body: Request) -> Response {
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(1);
    let now_ms = world.now_ms();
    let asked = Input::Network(NetworkEvent::Requested { peer, answer: AnswerId(1_000_000), body });
    let outcome = world.engine(at).unwrap().handle(vec![asked], now_ms, &mut rng).await.unwrap();
    let answer = outcome.effects.into_iter().find_map(|effect| match effect {
        Effect::Network(NetworkCommand::Answer { body, .. }) => Some(body),
        _ => None,
    });
    answer.unwrap()
}

/// What a node asks of others by itself, in its own words: kinds of requests, and how many bytes.
async fn compare_of(world: &mut World, at: Place, to: PeerKey) -> Request {
    let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(1);
    let now_ms = world.now_ms();
    let engine = world.engine(at).unwrap();
    let gone = Input::Network(NetworkEvent::Disconnected { peer: to });
    let back = Input::Network(NetworkEvent::Connected { peer: to, path: tidings_node::handle::Path::Direct });
    engine.handle(vec![gone, back], now_ms, &mut rng).await.unwrap();
    for wait_ms in (0..10_000).step_by(500) {
        let outcome = engine.handle(vec![Input::Deadline], now_ms + wait_ms, &mut rng).await.unwrap();
        let asked = outcome.effects.into_iter().find_map(|effect| match effect {
            Effect::Network(NetworkCommand::Request { body: body @ Request::Compare { .. }, .. }) => Some(body),
            _ => None,
        });
        if let Some(asked) = asked {
            return asked;
        }
    }
    panic!("it asked nothing");
}

#[test]
fn who_is_no_member_asks_and_learns_nothing() {
    block_on(async {
        let (mut world, id) = three(905).await;
        send(&mut world, 0, id, "among us").await;
        run_for(&mut world, 10_000).await;
        let (ben, cara) = (world.peer(1).unwrap(), world.peer(2).unwrap());
        let Request::Compare { groups } = compare_of(&mut world, 2, ben).await else { panic!("it compares") };
        let others: Vec<_> = groups.iter().map(|(key, _)| (*key, [0; 16])).collect();
        // The member that this is told of gets an answer …
        let compare = Request::Compare { groups: others };
        let Response::Compare { differing } = put(&mut world, 1, cara, compare.clone()).await else { panic!() };
        assert!(!differing.is_empty());
        let reconcile = |message: Vec<u8>| Request::Reconcile {
            key: groups[usize::from(differing[0].index)].0,
            from: differing[0].from,
            message,
            wanted: vec![],
            offered: vec![],
        };
        let nothing = begin(&[]).unwrap();
        let Response::Reconcile { answer: Some(answer) } = put(&mut world, 1, cara, reconcile(nothing.clone())).await
        else {
            panic!("it is answered")
        };
        assert!(answer.message.len() > 32, "all that is there");
        // … unless it makes no sense …
        for message in [vec![0x61, 0, 0, 2, 99], vec![0x40], vec![0x61, 1, 9]] {
            assert_eq!(put(&mut world, 1, cara, reconcile(message)).await, Response::Reconcile { answer: None });
        }
        // … and nobody else does, whatever they overheard, nor the member once it was removed.
        let stranger = PeerKey([77; 32]);
        remove(&mut world, 0, id, 2).await;
        run_for(&mut world, 10_000).await;
        for peer in [stranger, cara] {
            let answer = put(&mut world, 1, peer, compare.clone()).await;
            assert_eq!(answer, Response::Compare { differing: vec![] });
            let answer = put(&mut world, 1, peer, reconcile(nothing.clone())).await;
            assert_eq!(answer, Response::Reconcile { answer: None });
        }
    });
}

#[test]
fn a_member_that_asks_without_end_is_cut_off_for_a_minute() {
    block_on(async {
        let (mut world, _) = three(906).await;
        let peer = world.peer(2).unwrap();
        let ask = Request::Compare { groups: vec![([0; 8], [0; 16])] };
        let mut busy = 0;
        for _ in 0..1_100 {
            busy += u32::from(put(&mut world, 1, peer, ask.clone()).await == Response::Busy);
        }
        assert!(busy >= 100, "{busy}");
        run_for(&mut world, 61_000).await;
        assert_ne!(put(&mut world, 1, peer, ask).await, Response::Busy);
    });
}

/// The numbers for a thousand are in the target: one request, at most 64 KiB.
#[test]
fn many_conversations_with_nothing_new_are_compared_in_one_short_exchange() {
    block_on(async {
        const GROUPS: usize = 40;
        let (mut world, id) = three(907).await;
        for _ in 1..GROUPS {
            create(&mut world, &[1, 2], Some("Another")).await;
            run_for(&mut world, 1_000).await;
        }
        send(&mut world, 0, id, "in one of them").await;
        run_for(&mut world, 900_000).await;
        let (ben, cara) = (world.peer(1).unwrap(), world.peer(2).unwrap());
        let (from, to, at) = if ben.0 < cara.0 { (1, cara, 2) } else { (2, ben, 1) };
        let asked = compare_of(&mut world, from, to).await;
        let bytes = asked.encode().unwrap().len();
        let peer = world.peer(from).unwrap();
        let answer = put(&mut world, at, peer, asked).await;
        assert_eq!(answer, Response::Compare { differing: vec![] });
        assert_eq!(answer.encode().unwrap().len(), 4);
        assert_eq!(bytes, 4 + GROUPS * 24, "24 KB for a thousand");
    });
}
