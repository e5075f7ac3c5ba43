//! Mailboxes: people who are never on together, and a third node that keeps envelopes for them.

use tidings_crypto::card::CardLink;
use tidings_node::engine::{Command, MailboxOf, Reply};
use tidings_node::handle::{KeptBy, Mailbox, MessageState, Refused};
use tidings_node::ids::{ConversationId, MessageId};
use tidings_tests::faults::Faults;
use tidings_tests::home;
use tidings_tests::world::{self, Place, World};

use super::stage::{ask, block_on, run_for, send, texts, transcript};

const ALICE: Place = 0;
const BOB: Place = 1;
const KEEPER: Place = 2;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Alice and Bob know each other; the third keeps envelopes for whoever has its link.
async fn world(seed: u64) -> World {
    let mut world = World::new(seed, 3, Faults::NONE).await.unwrap();
    world.serve_mailboxes(KEEPER, true).await.unwrap();
    world.exchange_links(ALICE, BOB).await.unwrap();
    world
}

async fn link(world: &mut World) -> String {
    match ask(world, KEEPER, Command::MailboxLink).await {
        Ok(Reply::MailboxLink(link)) => link.to_string(),
        other => panic!("{other:?}"),
    }
}

async fn use_link(world: &mut World, at: Place, link: String) {
    let used = ask(world, at, Command::UseMailbox(MailboxOf::Link(link))).await;
    assert!(matches!(used, Ok(Reply::Mailbox(_))), "{used:?}");
    run_for(world, 3_000).await;
}

async fn mailboxes(world: &mut World, at: Place) -> Vec<Mailbox> {
    world.engine(at).unwrap().reader().mailboxes().await.unwrap()
}

async fn start_talking(world: &mut World) -> ConversationId {
    let contacts = vec![world.account(BOB).unwrap()];
    match ask(world, ALICE, Command::CreateConversation { contacts, name: None }).await {
        Ok(Reply::Conversation(conversation)) => conversation.id,
        other => panic!("{other:?}"),
    }
}

async fn state(world: &mut World, at: Place, id: ConversationId, message: MessageId) -> MessageState {
    let all = transcript(world, at, id).await;
    all.iter().find(|one| one.id == message).map(|one| one.state).expect("the message is here")
}

#[test]
fn two_people_who_are_never_on_together_talk_by_a_mailbox_and_see_what_is_proved() {
    block_on(async {
        let mut world = world(61).await;
        let link = link(&mut world).await;
        for at in [ALICE, BOB] {
            use_link(&mut world, at, link.clone()).await;
            assert!(mailboxes(&mut world, at).await[0].opened_at_ms.is_some());
        }
        let id = start_talking(&mut world).await;
        run_for(&mut world, 60_000).await;
        world.crash(BOB).unwrap();
        let asked = send(&mut world, ALICE, id, "are you there?").await;
        assert_eq!(state(&mut world, ALICE, id, asked).await, MessageState::Queued);
        run_for(&mut world, 30_000).await;
        assert_eq!(state(&mut world, ALICE, id, asked).await, MessageState::Stored);
        let detail = {
            let engine = world.engine(ALICE).unwrap();
            let (reader, me) = (engine.reader(), engine.me());
            reader.message_detail(asked, &me).await.unwrap().unwrap()
        };
        assert_eq!(detail.recipients[0].state, MessageState::Stored);
        assert!(detail.recipients[0].at_ms > detail.message.sent_at_ms, "when the mailbox said so");
        world.crash(ALICE).unwrap();
        run_for(&mut world, 2 * DAY_MS).await;

        world.start(BOB).await.unwrap();
        run_for(&mut world, 30_000).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["are you there?"]);
        send(&mut world, BOB, id, "now I am").await;
        run_for(&mut world, 60_000).await;
        world.crash(BOB).unwrap();
        run_for(&mut world, DAY_MS).await;

        world.start(ALICE).await.unwrap();
        run_for(&mut world, 30_000).await;
        assert_eq!(texts(&mut world, ALICE, id).await, ["are you there?", "now I am"]);
        assert_eq!(state(&mut world, ALICE, id, asked).await, MessageState::Delivered);

        world.start(BOB).await.unwrap();
        run_for(&mut world, 300_000).await;
        for at in [ALICE, BOB] {
            assert_eq!(texts(&mut world, at, id).await, ["are you there?", "now I am"]);
            let unsettled = world.engine(at).unwrap().unsettled().await.unwrap();
            assert_eq!((unsettled.parked, unsettled.owed), (0, 0), "node {at}");
        }
        // What was collected is kept no longer.
        assert_eq!(world.engine(KEEPER).unwrap().reader().deposits_kept().await.unwrap(), 0);
    });
}

#[test]
fn the_first_words_reach_somebody_who_was_never_met() {
    block_on(async {
        let mut world = World::new(62, 3, Faults::NONE).await.unwrap();
        world.serve_mailboxes(KEEPER, true).await.unwrap();
        let link = link(&mut world).await;
        use_link(&mut world, BOB, link).await;
        let Ok(Reply::Card(bob)) = ask(&mut world, BOB, Command::Card).await else { panic!("no card") };
        let Ok(Reply::Card(alice)) = ask(&mut world, ALICE, Command::Card).await else { panic!("no card") };
        ask(&mut world, BOB, Command::AddContact(alice.link)).await.unwrap();
        world.crash(BOB).unwrap();
        ask(&mut world, ALICE, Command::AddContact(bob.link)).await.unwrap();
        let id = start_talking(&mut world).await;
        let sent = send(&mut world, ALICE, id, "hello, Bob").await;
        run_for(&mut world, 60_000).await;
        assert_eq!(state(&mut world, ALICE, id, sent).await, MessageState::Stored);
        world.crash(ALICE).unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["hello, Bob"]);
    });
}

#[test]
fn a_mailbox_that_stops_and_starts_loses_nothing_and_is_found_again() {
    block_on(async {
        let mut world = world(63).await;
        let link = link(&mut world).await;
        use_link(&mut world, BOB, link).await;
        let id = start_talking(&mut world).await;
        run_for(&mut world, 60_000).await;
        world.crash(BOB).unwrap();
        world.crash(KEEPER).unwrap();
        let first = send(&mut world, ALICE, id, "while both are away").await;
        run_for(&mut world, 600_000).await;
        assert_eq!(state(&mut world, ALICE, id, first).await, MessageState::Queued);
        world.start(KEEPER).await.unwrap();
        run_for(&mut world, 120_000).await;
        assert_eq!(state(&mut world, ALICE, id, first).await, MessageState::Stored);
        world.crash(KEEPER).unwrap();
        world.crash(ALICE).unwrap();
        world.start(KEEPER).await.unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["while both are away"]);
    });
}

#[test]
fn whoever_was_only_met_before_learns_by_the_conversation_where_envelopes_are_kept_now() {
    block_on(async {
        let mut world = world(64).await;
        let link = link(&mut world).await;
        let id = start_talking(&mut world).await;
        run_for(&mut world, 60_000).await;
        use_link(&mut world, ALICE, link.clone()).await;
        world.crash(ALICE).unwrap();
        // Bob takes a mailbox while Alice is away, and is away himself when she comes back.
        use_link(&mut world, BOB, link).await;
        run_for(&mut world, 120_000).await;
        world.crash(BOB).unwrap();
        world.start(ALICE).await.unwrap();
        run_for(&mut world, 60_000).await;
        let sent = send(&mut world, ALICE, id, "I heard").await;
        run_for(&mut world, 60_000).await;
        assert_eq!(state(&mut world, ALICE, id, sent).await, MessageState::Stored);
    });
}

#[test]
fn who_has_no_link_and_is_no_contact_is_refused_and_a_contact_is_served() {
    block_on(async {
        let mut world = World::new(65, 3, Faults::NONE).await.unwrap();
        world.exchange_links(BOB, KEEPER).await.unwrap();
        run_for(&mut world, 5_000).await;
        let contact = MailboxOf::Contact(world.account(KEEPER).unwrap());
        let stranger = ask(&mut world, ALICE, Command::UseMailbox(contact.clone())).await;
        assert!(matches!(stranger, Err(Refused::UnknownContact)), "{stranger:?}");
        assert!(matches!(ask(&mut world, KEEPER, Command::MailboxLink).await, Err(Refused::NoMailbox)));

        ask(&mut world, BOB, Command::UseMailbox(contact.clone())).await.unwrap();
        run_for(&mut world, 5_000).await;
        assert_eq!(mailboxes(&mut world, BOB).await[0].refused, "this node keeps nothing for others");
        world.serve_mailboxes(KEEPER, true).await.unwrap();
        ask(&mut world, BOB, Command::UseMailbox(contact)).await.unwrap();
        run_for(&mut world, 5_000).await;
        let own = mailboxes(&mut world, BOB).await;
        assert_eq!((own[0].refused.as_str(), own[0].opened_at_ms.is_some()), ("", true));

        // Somebody with a link to another mailbox, or none: the word is wrong.
        let right = link(&mut world).await;
        let parsed = tidings_crypto::card::MailboxLink::parse(&right).unwrap();
        let wrong = tidings_crypto::card::MailboxLink { admission: zeroize::Zeroizing::new([1; 32]), ..parsed }.link();
        use_link(&mut world, ALICE, wrong).await;
        let refused = &mailboxes(&mut world, ALICE).await[0].refused;
        assert!(refused.contains("ask its owner for a link"), "{refused}");
        ask(&mut world, BOB, Command::DropMailbox(own[0].peer)).await.unwrap();
        assert!(mailboxes(&mut world, BOB).await.is_empty());
        let again = ask(&mut world, BOB, Command::DropMailbox(own[0].peer)).await;
        assert!(matches!(again, Err(Refused::UnknownMailbox)), "{again:?}");
    });
}

#[test]
fn one_of_two_mailboxes_that_gives_nothing_is_found_out_by_what_the_other_gives() {
    block_on(async {
        let mut world = World::new(67, 4, Faults::NONE).await.unwrap();
        world.exchange_links(ALICE, BOB).await.unwrap();
        for keeper in [2, 3] {
            world.serve_mailboxes(keeper, true).await.unwrap();
            let Ok(Reply::MailboxLink(link)) = ask(&mut world, keeper, Command::MailboxLink).await else { panic!() };
            use_link(&mut world, BOB, link.to_string()).await;
        }
        let id = start_talking(&mut world).await;
        run_for(&mut world, 60_000).await;
        let honest = mailboxes(&mut world, BOB).await;
        assert!(honest.iter().all(|one| one.proved_at_ms.is_some() && one.unproved.is_empty()), "{honest:?}");

        world.crash(BOB).unwrap();
        for text in ["one", "two", "three"] {
            send(&mut world, ALICE, id, text).await;
            run_for(&mut world, 60_000).await;
        }
        world.crash(ALICE).unwrap();
        world.withhold(3).unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, 40 * 60_000).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["one", "two", "three"], "the other mailbox gave them");
        let (good, bad) = (world.peer(2).unwrap(), world.peer(3).unwrap());
        let found = mailboxes(&mut world, BOB).await;
        let of = |peer| found.iter().find(|one| one.peer == peer).unwrap();
        assert_eq!((of(good).missing, of(good).missing_says), (0, 0));
        assert!(of(bad).missing >= 2 && of(bad).missing_says == 1, "{:?}", of(bad));

        // It is tested, and does not give the test envelope back either.
        ask(&mut world, BOB, Command::ProveMailboxes).await.unwrap();
        run_for(&mut world, 5 * 60_000).await;
        let found = mailboxes(&mut world, BOB).await;
        let of = |peer| found.iter().find(|one| one.peer == peer).unwrap();
        assert_eq!(of(bad).unproved, "it took a test envelope and did not give it back");
        assert_eq!(of(good).unproved, "");
    });
}

#[test]
fn who_is_owed_something_and_whose_clock_is_off_is_found_out() {
    block_on(async {
        let mut world = world(68).await;
        world.set_clock(BOB, 2 * 60 * 60 * 1_000);
        let link = link(&mut world).await;
        use_link(&mut world, ALICE, link).await;
        let id = start_talking(&mut world).await;
        run_for(&mut world, 60_000).await;
        let checkup = |reply| match reply {
            Ok(Reply::Checkup(checkup)) => *checkup,
            other => panic!("{other:?}"),
        };
        let begun = checkup(ask(&mut world, ALICE, Command::CheckUp { begin: true, places: vec![] }).await);
        assert_eq!((begun.waiting, begun.owed.len()), (2, 0), "Bob and the mailbox are asked");
        world.crash(KEEPER).unwrap();
        run_for(&mut world, 30_000).await;
        let mut found = checkup(ask(&mut world, ALICE, Command::CheckUp { begin: false, places: vec![] }).await);
        found.offsets_ms.sort_unstable();
        assert_eq!(found.waiting, 0);
        let bobs = *found.offsets_ms.last().unwrap();
        assert!((7_199_000..7_201_000).contains(&bobs), "{:?}", found.offsets_ms);

        world.crash(BOB).unwrap();
        run_for(&mut world, 30_000).await;
        send(&mut world, ALICE, id, "one").await;
        send(&mut world, ALICE, id, "two").await;
        run_for(&mut world, 60_000).await;
        let found = checkup(ask(&mut world, ALICE, Command::CheckUp { begin: false, places: vec![] }).await);
        let [owed] = found.owed.as_slice() else { panic!("{found:?}") };
        assert_eq!((owed.name.as_str(), owed.messages, owed.online, owed.mailboxes), ("Node 1", 2, false, 0));
    });
}

#[test]
fn a_mailbox_holds_nothing_that_can_be_read_and_no_name_or_key_of_either_side() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let mut world = World::on_disk(66, 3, folder.path()).await.unwrap();
        world.serve_mailboxes(KEEPER, true).await.unwrap();
        world.exchange_links(ALICE, BOB).await.unwrap();
        let link = link(&mut world).await;
        use_link(&mut world, BOB, link).await;
        let id = start_talking(&mut world).await;
        run_for(&mut world, 60_000).await;
        let Ok(Reply::Card(card)) = ask(&mut world, BOB, Command::Card).await else { panic!("no card") };
        let Ok(CardLink::Full(card)) = CardLink::parse(&card.link) else { panic!("no card") };
        world.crash(BOB).unwrap();
        let sent = send(&mut world, ALICE, id, "nobody else reads this").await;
        run_for(&mut world, 60_000).await;
        assert_eq!(state(&mut world, ALICE, id, sent).await, MessageState::Stored);
        assert!(world.engine(KEEPER).unwrap().reader().deposits_kept().await.unwrap() > 0);
        assert_eq!(world.engine(KEEPER).unwrap().reader().prekeys_kept().await.unwrap(), 1);
        let node = &card.card().nodes[0];
        let (account_key, signature_key) = (card.card().account.0, node.certificate.signature_key().0);
        let (mailbox_key, package) = (node.certificate.mailbox_key().0, &node.key_package[20..52]);
        let decrypted = |name: &str| home::pages(&folder.path().join(name), &world::key()).unwrap();
        let (keeper, alice) = (decrypted("2.db"), decrypted("0.db"));
        let on_disk = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let lies_there = [on_disk("0.db"), on_disk("0.db-wal")].concat();
        let holds = |file: &[u8], what: &[u8]| file.windows(what.len()).any(|window| window == what);
        let (account, peer) = (world.account(ALICE).unwrap(), world.peer(ALICE).unwrap());
        let (bobs, bobs_peer) = (world.account(BOB).unwrap(), world.peer(BOB).unwrap());
        let words = [
            b"nobody else reads this".as_slice(),
            b"Node 0",
            b"Node 1",
            &id.0,
            &account.0,
            &peer.0,
            &bobs.0,
            &bobs_peer.0,
            &account_key,
            &signature_key,
            &mailbox_key,
            package,
        ];
        for (number, word) in words.into_iter().enumerate() {
            assert!(holds(&alice, word), "{number}: this test would find it");
            assert!(!holds(&lies_there, word), "{number} can be read without the key");
            assert!(!holds(&keeper, word), "{number} lies at the mailbox");
        }
    });
}

#[test]
fn what_one_member_has_is_stored_for_the_others_and_who_keeps_it_is_named() {
    block_on(async {
        let mut world = World::new(69, 3, Faults::NONE).await.unwrap();
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            world.exchange_links(one, other).await.unwrap();
        }
        let contacts = vec![world.account(1).unwrap(), world.account(2).unwrap()];
        let new = Command::CreateConversation { contacts, name: Some("Three".to_owned()) };
        let Ok(Reply::Conversation(group)) = ask(&mut world, ALICE, new).await else { panic!("no group") };
        run_for(&mut world, 60_000).await;
        world.crash(2).unwrap();
        run_for(&mut world, 30_000).await;
        let sent = send(&mut world, ALICE, group.id, "for both").await;
        run_for(&mut world, 30_000).await;
        assert_eq!(state(&mut world, ALICE, group.id, sent).await, MessageState::Stored);
        let detail = async |world: &mut World| {
            let engine = world.engine(ALICE).unwrap();
            let (reader, me) = (engine.reader(), engine.me());
            reader.message_detail(sent, &me).await.unwrap().unwrap().recipients
        };
        let (with, away) = (world.account(1).unwrap(), world.account(2).unwrap());
        for recipient in detail(&mut world).await {
            if recipient.account == away {
                assert_eq!(recipient.state, MessageState::Stored);
                let keepers = [KeptBy::Member { account: with, name: "Node 1".to_owned() }];
                assert_eq!(recipient.kept_by, keepers);
            } else {
                assert_eq!((recipient.state, recipient.kept_by), (MessageState::Delivered, vec![]));
            }
        }
        // The author goes; the member who has it hands it over; and that is known when the author comes back.
        world.crash(ALICE).unwrap();
        world.start(2).await.unwrap();
        run_for(&mut world, 120_000).await;
        assert_eq!(texts(&mut world, 2, group.id).await.last().map(String::as_str), Some("for both"));
        world.start(ALICE).await.unwrap();
        run_for(&mut world, 120_000).await;
        assert_eq!(state(&mut world, ALICE, group.id, sent).await, MessageState::Delivered);
    });
}
