//! Messages in groups whose members change: whom they are for, what is sent again, what is late, and in which order.

use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{Message, MessageKind, MessageState, PageAt};
use tidings_node::ids::{ConversationId, MessageId};
use tidings_tests::faults::Faults;
use tidings_tests::world::{Fate, Place, World};

use super::stage::{add, ask, block_on, remove, rename, run_for, send};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Everybody knows everybody, and the first of `members` has made a group with the others.
async fn group(nodes: usize, members: &[Place]) -> (World, ConversationId) {
    let mut world = World::new(41, nodes, Faults::NONE).await.unwrap();
    world.set_faults(false);
    for one in 0..nodes {
        for other in 0..one {
            world.exchange_links(one, other).await.unwrap();
        }
    }
    let contacts = members[1..].iter().map(|member| world.account(*member).unwrap()).collect();
    let create = Command::CreateConversation { contacts, name: Some("Hiking".to_owned()) };
    let created = world.command(members[0], create).await.unwrap();
    let Fate::Answered(Ok(Reply::Conversation(conversation))) = created else { panic!("{created:?}") };
    settle(&mut world).await;
    (world, conversation.id)
}

async fn settle(world: &mut World) {
    run_for(world, 120_000).await;
}

/// What people wrote, without the lines that tell changes.
async fn texts(world: &mut World, at: Place, conversation: ConversationId) -> Vec<Message> {
    let engine = world.engine(at).unwrap();
    let me = engine.me();
    let page = engine.reader().messages(conversation, PageAt::Newest, 500, &me).await.unwrap();
    let messages = page.map(|page| page.messages).unwrap_or_default();
    messages.into_iter().filter(|message| message.kind == MessageKind::Text).collect()
}

async fn words(world: &mut World, at: Place, conversation: ConversationId) -> Vec<String> {
    texts(world, at, conversation).await.into_iter().map(|message| message.text).collect()
}

async fn state(world: &mut World, at: Place, conversation: ConversationId, id: MessageId) -> MessageState {
    let messages = texts(world, at, conversation).await;
    messages.iter().find(|message| message.id == id).map(|message| message.state).unwrap()
}

/// Cuts or mends every way between two sides.
fn divide(world: &mut World, one: &[Place], other: &[Place], up: bool) {
    let now_ms = world.now_ms();
    for a in one {
        for b in other {
            world.set_link_at(now_ms, *a, *b, up);
        }
    }
}

async fn assert_nothing_waits(world: &mut World) {
    for at in 0..world.nodes() {
        let unsettled = world.engine(at).unwrap().unsettled().await.unwrap();
        assert_eq!((unsettled.parked, unsettled.owed), (0, 0), "node {at}");
    }
}

#[test]
fn a_message_that_comes_after_newer_ones_were_read_is_marked_late_and_stands_in_its_place() {
    block_on(async {
        let (mut world, hiking) = group(3, &[0, 1, 2]).await;
        divide(&mut world, &[0, 1], &[2], false);
        run_for(&mut world, 1_000).await;
        send(&mut world, 2, hiking, "from the valley").await;
        run_for(&mut world, 5_000).await;
        send(&mut world, 0, hiking, "one").await;
        run_for(&mut world, 5_000).await;
        send(&mut world, 1, hiking, "two").await;
        run_for(&mut world, 180_000).await;
        divide(&mut world, &[0, 1], &[2], true);
        settle(&mut world).await;
        send(&mut world, 2, hiking, "three").await;
        settle(&mut world).await;
        let expected = ["from the valley", "one", "two", "three"];
        for at in 0..3 {
            assert_eq!(words(&mut world, at, hiking).await, expected, "node {at}");
        }
        let late = |messages: Vec<Message>| messages.iter().map(|message| message.late).collect::<Vec<_>>();
        assert_eq!(late(texts(&mut world, 0, hiking).await), [true, false, false, false]);
        assert_eq!(late(texts(&mut world, 2, hiking).await), [false; 4]);
        assert_nothing_waits(&mut world).await;
    });
}

#[test]
fn who_joins_later_is_not_waited_for_and_makes_nothing_queued_again() {
    block_on(async {
        let (mut world, hiking) = group(4, &[0, 1, 2]).await;
        let before = send(&mut world, 0, hiking, "before").await;
        settle(&mut world).await;
        assert_eq!(state(&mut world, 0, hiking, before).await, MessageState::Delivered);
        add(&mut world, 1, hiking, 3).await;
        settle(&mut world).await;
        let after = send(&mut world, 0, hiking, "after").await;
        settle(&mut world).await;
        assert_eq!(state(&mut world, 0, hiking, before).await, MessageState::Delivered);
        assert_eq!(state(&mut world, 0, hiking, after).await, MessageState::Delivered);
        assert!(words(&mut world, 3, hiking).await.ends_with(&["after".to_owned()]));
        let me = world.engine(0).unwrap().me();
        let detail = world.engine(0).unwrap().reader().message_detail(before, &me).await.unwrap().unwrap();
        let joined = world.account(3).unwrap();
        assert!(detail.recipients.iter().all(|recipient| recipient.account != joined));
        assert_nothing_waits(&mut world).await;
    });
}

#[test]
fn who_was_removed_holds_no_message_back_and_is_never_shown_as_having_it() {
    block_on(async {
        let (mut world, hiking) = group(3, &[0, 1, 2]).await;
        world.crash(2).unwrap();
        let sent = send(&mut world, 0, hiking, "while one is away").await;
        run_for(&mut world, 30_000).await;
        assert_eq!(state(&mut world, 0, hiking, sent).await, MessageState::Stored, "the other has it");
        remove(&mut world, 0, hiking, 2).await;
        run_for(&mut world, 30_000).await;
        assert_eq!(state(&mut world, 0, hiking, sent).await, MessageState::Delivered);
        let me = world.engine(0).unwrap().me();
        let detail = world.engine(0).unwrap().reader().message_detail(sent, &me).await.unwrap().unwrap();
        let gone = world.account(2).unwrap();
        let recipient = detail.recipients.iter().find(|recipient| recipient.account == gone).unwrap();
        assert_eq!((recipient.state, recipient.removed), (MessageState::Queued, true));
        world.start(2).await.unwrap();
        settle(&mut world).await;
        assert_nothing_waits(&mut world).await;
        // It learnt that it was removed, and not what was written meanwhile.
        assert_eq!(words(&mut world, 2, hiking).await, Vec::<String>::new());
    });
}

#[test]
fn who_joins_sorts_as_everybody_although_it_lacks_the_older_messages() {
    block_on(async {
        let (mut world, hiking) = group(4, &[0, 1, 2]).await;
        world.set_clock(1, DAY_MS);
        send(&mut world, 1, hiking, "from tomorrow").await;
        run_for(&mut world, 5_000).await;
        add(&mut world, 0, hiking, 3).await;
        settle(&mut world).await;
        for (number, from) in [0, 2, 3, 0, 2, 3].into_iter().enumerate() {
            send(&mut world, from, hiking, &format!("number {number}")).await;
            run_for(&mut world, 2_000).await;
        }
        settle(&mut world).await;
        let expected: Vec<String> = (0..6).map(|number| format!("number {number}")).collect();
        for at in 0..4 {
            let words = words(&mut world, at, hiking).await;
            assert!(words.ends_with(&expected), "node {at}: {words:?}");
        }
    });
}

/// Each side adds somebody: one branch loses, and what was written on it reaches those who were never there.
#[test]
fn what_was_written_on_a_losing_branch_reaches_those_who_could_not_read_it() {
    block_on(async {
        let (mut world, hiking) = group(6, &[0, 1, 2, 3]).await;
        divide(&mut world, &[0, 1, 4], &[2, 3, 5], false);
        run_for(&mut world, 20_000).await;
        add(&mut world, 0, hiking, 4).await;
        add(&mut world, 2, hiking, 5).await;
        run_for(&mut world, 30_000).await;
        let one = send(&mut world, 1, hiking, "on the one side").await;
        let other = send(&mut world, 3, hiking, "on the other side").await;
        run_for(&mut world, 60_000).await;
        divide(&mut world, &[0, 1, 4], &[2, 3, 5], true);
        settle(&mut world).await;
        settle(&mut world).await;
        let transcript = words(&mut world, 0, hiking).await;
        assert_eq!(transcript.len(), 2);
        for at in 1..4 {
            assert_eq!(words(&mut world, at, hiking).await, transcript, "node {at}");
        }
        // Who was added on the branch that lost was added again after what was written on the other.
        assert!(words(&mut world, 4, hiking).await.contains(&"on the one side".to_owned()));
        assert!(words(&mut world, 5, hiking).await.contains(&"on the other side".to_owned()));
        assert_eq!(state(&mut world, 1, hiking, one).await, MessageState::Delivered);
        assert_eq!(state(&mut world, 3, hiking, other).await, MessageState::Delivered);
        assert_nothing_waits(&mut world).await;
    });
}

/// Both sides change the group, and the side that loses has forgotten where they parted when they meet again.
#[test]
fn a_node_that_was_cut_off_for_longer_than_is_remembered_comes_back_and_nothing_is_lost() {
    block_on(async {
        let (mut world, hiking) = group(3, &[0, 1, 2]).await;
        divide(&mut world, &[0, 1], &[2], false);
        run_for(&mut world, 20_000).await;
        for (at, name) in [(0, "Walking"), (2, "Climbing")] {
            ask(&mut world, at, rename(hiking, name)).await.unwrap();
        }
        run_for(&mut world, 300_000).await;
        send(&mut world, 0, hiking, "from the many").await;
        run_for(&mut world, 60_000).await;
        send(&mut world, 2, hiking, "from the one").await;
        for _ in 0..45 {
            run_for(&mut world, DAY_MS.unsigned_abs()).await;
        }
        divide(&mut world, &[0, 1], &[2], true);
        run_for(&mut world, 3_600_000).await;
        let transcript = words(&mut world, 0, hiking).await;
        assert_eq!(transcript, ["from the many", "from the one"]);
        let authenticator = world.engine(0).unwrap().authenticator(hiking).await.unwrap();
        for at in 1..3 {
            assert_eq!(words(&mut world, at, hiking).await, transcript, "node {at}");
            assert_eq!(world.engine(at).unwrap().authenticator(hiking).await.unwrap(), authenticator, "node {at}");
        }
        assert_nothing_waits(&mut world).await;
    });
}
