//! Single situations of the engine, each found by reading or by somebody's misfortune.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tidings_crypto::card::{Card, CardLink, CardNode, SignedCard};
use tidings_crypto::identity::LocalNode;
use tidings_node::engine::{Command, Input, Reply};
use tidings_node::handle::{MessageState, NewMessage, PageAt, Refused};
use tidings_node::ids::{Address, ConversationId, MessageId};
use tidings_tests::faults::Faults;
use tidings_tests::world::{Fate, Place, World};

use super::stage::{block_on, message};

async fn two_people(faults: Faults) -> (World, ConversationId) {
    let mut world = World::new(77, 2, faults).await.unwrap();
    world.set_faults(false);
    world.exchange_links(0, 1).await.unwrap();
    let conversation = create(&mut world, 0, 1).await;
    let joined_ms = world.now_ms() + 20_000;
    world.run_until(joined_ms).await.unwrap();
    (world, conversation)
}

async fn create(world: &mut World, from: Place, to: Place) -> ConversationId {
    let contacts = vec![world.account(to).unwrap()];
    let created = world.command(from, Command::CreateConversation { contacts, name: None }).await.unwrap();
    let Fate::Answered(Ok(Reply::Conversation(conversation))) = created else { panic!("{created:?}") };
    conversation.id
}

async fn send(world: &mut World, from: Place, new: NewMessage) -> Result<MessageId, Refused> {
    match world.command(from, Command::Send(new)).await.unwrap() {
        Fate::Answered(Ok(Reply::Message(message))) => Ok(message.id),
        Fate::Answered(Err(refused)) => Err(refused),
        other => panic!("{other:?}"),
    }
}

/// Messages far beyond the ratchet's reach wait for somebody who comes back, and the first pushes fail.
#[test]
fn a_long_absence_and_failing_pushes_put_no_message_out_of_reach() {
    block_on(async {
        let loss = Faults { loss: true, reorder: true, ..Faults::NONE };
        let (mut world, conversation) = two_people(loss).await;
        world.crash(1).unwrap();
        for number in 0..1_500 {
            send(&mut world, 0, message(conversation, &format!("number {number}"))).await.unwrap();
        }
        world.set_faults(true);
        world.start(1).await.unwrap();
        let mut sent = 1_500;
        for _ in 0..60 {
            let next_ms = world.now_ms() + 500;
            world.run_until(next_ms).await.unwrap();
            send(&mut world, 0, message(conversation, "meanwhile")).await.unwrap();
            sent += 1;
        }
        world.heal().await.unwrap();
        let settled_ms = world.now_ms() + 300_000;
        world.run_until(settled_ms).await.unwrap();

        let unsettled = world.engine(0).unwrap().unsettled().await.unwrap();
        assert_eq!(unsettled.owed, 0);
        let reader = world.engine(1).unwrap().reader();
        let me = world.engine(1).unwrap().me();
        let mut held = 0;
        let mut at = PageAt::Newest;
        while let Some(page) = reader.messages(conversation, at, 500, &me).await.unwrap()
            && let Some(first) = page.messages.first()
        {
            held += page.messages.len();
            at = PageAt::Before(first.id);
        }
        assert_eq!(held, sent);
        let me = world.engine(0).unwrap().me();
        let newest = world.engine(0).unwrap().reader().messages(conversation, PageAt::Newest, 500, &me).await.unwrap();
        assert!(newest.unwrap().messages.iter().all(|message| message.state == MessageState::Delivered));
    });
}

#[test]
fn what_is_written_to_one_person_cannot_be_led_to_another_by_their_card() {
    block_on(async {
        let mut world = World::new(1, 2, Faults::NONE).await.unwrap();
        let carol = world.command(1, Command::Card).await.unwrap();
        let Fate::Answered(Ok(Reply::Card(links))) = carol else { panic!("{carol:?}") };
        let CardLink::Full(carol) = CardLink::parse(&links.link).unwrap() else { panic!("the full link is full") };

        let mallory = LocalNode::generate(0, u64::MAX, &mut ChaCha20Rng::seed_from_u64(9));
        let node = CardNode {
            certificate: mallory.certificate.clone(),
            addresses: Vec::new(),
            key_package: carol.card().nodes[0].key_package.clone(),
            mailboxes: Vec::new(),
        };
        let card = Card {
            account: mallory.account.public(),
            name: "Mallory".to_owned(),
            serial: 1,
            nodes: vec![node],
            proofs: Vec::new(),
        };
        let link = SignedCard::sign(card, &mallory.account).unwrap().link();
        world.command(0, Command::AddContact(link)).await.unwrap();
        let contacts = vec![mallory.account_id()];
        let created = world.command(0, Command::CreateConversation { contacts, name: None }).await.unwrap();
        assert!(matches!(created, Fate::Answered(Err(Refused::BadLink(_)))), "{created:?}");
    });
}

#[test]
fn an_idempotency_key_answers_only_for_the_message_that_it_made() {
    block_on(async {
        let (mut world, conversation) = two_people(Faults::NONE).await;
        let keyed = NewMessage { idempotency_key: Some("k".to_owned()), ..message(conversation, "one") };
        let first = send(&mut world, 0, keyed.clone()).await.unwrap();
        assert_eq!(send(&mut world, 0, keyed.clone()).await, Ok(first));
        let other = NewMessage { text: "another".to_owned(), ..keyed };
        assert_eq!(send(&mut world, 0, other).await, Err(Refused::KeyUsed));
    });
}

#[test]
fn a_reply_names_a_message_of_its_own_conversation() {
    block_on(async {
        let mut world = World::new(3, 3, Faults::NONE).await.unwrap();
        for other in [1, 2] {
            world.exchange_links(0, other).await.unwrap();
        }
        let (one, other) = (create(&mut world, 0, 1).await, create(&mut world, 0, 2).await);
        let there = send(&mut world, 0, message(other, "elsewhere")).await.unwrap();
        let reply = NewMessage { reply_to: Some(there), ..message(one, "reply") };
        assert_eq!(send(&mut world, 0, reply).await, Err(Refused::UnknownMessage));
        let seen = Command::MarkSeen { conversation: one, up_to: there };
        let seen = world.command(0, seen).await.unwrap();
        assert!(matches!(seen, Fate::Answered(Err(Refused::UnknownMessage))), "{seen:?}");
    });
}

#[test]
fn a_machine_with_more_addresses_than_a_card_holds_goes_on() {
    block_on(async {
        let (mut world, conversation) = two_people(Faults::NONE).await;
        let addresses = (0..40).map(|number| Address(vec![4, 10, 0, 0, number, 6, 16, 1])).collect();
        world.input(0, Input::Addresses(addresses)).await.unwrap();
        send(&mut world, 0, message(conversation, "still here")).await.unwrap();
    });
}

#[test]
fn a_clock_that_was_a_year_ahead_and_is_put_right_delays_nothing() {
    block_on(async {
        let (mut world, conversation) = two_people(Faults::NONE).await;
        world.set_clock(0, 365 * 24 * 60 * 60 * 1_000);
        send(&mut world, 0, message(conversation, "from the future")).await.unwrap();
        world.set_clock(0, 0);
        world.input(0, Input::ClockSetBack).await.unwrap();
        send(&mut world, 0, message(conversation, "from the present")).await.unwrap();
        let settled_ms = world.now_ms() + 30_000;
        world.run_until(settled_ms).await.unwrap();
        let me = world.engine(0).unwrap().me();
        let page = world.engine(0).unwrap().reader().messages(conversation, PageAt::Newest, 10, &me).await.unwrap();
        assert!(page.unwrap().messages.iter().all(|message| message.state == MessageState::Delivered));
    });
}
