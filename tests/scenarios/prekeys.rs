//! Prekeys (PROTOCOL §4.9): people who are added, and whom one begins with, while they are away and were never met.

mod alone;

use tidings_crypto::card::CardLink;
use tidings_node::engine::{Command, Input, MailboxOf, Reply};
use tidings_node::handle::{GroupDetail, MessageState, Refused, Standing, Suite};
use tidings_node::ids::{Address, ConversationId};
use tidings_tests::faults::Faults;
use tidings_tests::world::{Place, START_MS, World};

use super::stage::{ask, block_on, create, group, run_for, send, texts, transcript, view};

const ALICE: Place = 0;
const BOB: Place = 1;
const KEEPER: Place = 2;
const CAROL: Place = 3;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

async fn card(world: &mut World, at: Place) -> String {
    match ask(world, at, Command::Card).await {
        Ok(Reply::Card(links)) => links.link,
        other => panic!("{other:?}"),
    }
}

async fn add_contact(world: &mut World, at: Place, link: String) {
    let added = ask(world, at, Command::AddContact(link)).await;
    assert!(matches!(added, Ok(Reply::Contact(_))), "{added:?}");
}

/// A world in which Alice and Bob can never reach each other. Bob has a mailbox at the third, and is away by now; his link
/// is of before that.
async fn never_together(seed: u64, nodes: usize) -> (World, String) {
    let mut world = World::new(seed, nodes, Faults::NONE).await.unwrap();
    let now_ms = world.now_ms();
    world.set_link_at(now_ms, ALICE, BOB, false);
    run_for(&mut world, 1).await;
    world.serve_mailboxes(KEEPER, true).await.unwrap();
    let Ok(Reply::MailboxLink(link)) = ask(&mut world, KEEPER, Command::MailboxLink).await else { panic!("no link") };
    ask(&mut world, BOB, Command::UseMailbox(MailboxOf::Link(link.to_string()))).await.unwrap();
    run_for(&mut world, 10_000).await;
    let bob = card(&mut world, BOB).await;
    let alice = card(&mut world, ALICE).await;
    add_contact(&mut world, BOB, alice).await;
    run_for(&mut world, 10_000).await;
    assert_eq!(world.engine(KEEPER).unwrap().reader().prekeys_kept().await.unwrap(), 1);
    world.crash(BOB).unwrap();
    (world, bob)
}

async fn detail(world: &mut World, at: Place, id: ConversationId) -> GroupDetail {
    group(world, at, Command::Group(id)).await.unwrap()
}

async fn add(world: &mut World, id: ConversationId, whom: Place) -> Result<GroupDetail, Refused> {
    let accounts = vec![world.account(whom).unwrap()];
    group(world, ALICE, Command::AddMembers { conversation: id, accounts }).await
}

#[test]
fn who_was_never_met_is_written_to_while_away_in_a_conversation_that_is_hybrid_from_the_start() {
    block_on(async {
        let (mut world, bob) = never_together(901, 3).await;
        // The mailbox has what it had when it starts again.
        world.crash(KEEPER).unwrap();
        run_for(&mut world, 60_000).await;
        world.start(KEEPER).await.unwrap();
        add_contact(&mut world, ALICE, bob).await;
        let id = create(&mut world, &[BOB], None).await;
        assert_eq!(detail(&mut world, ALICE, id).await.suite, Suite::Hybrid);
        send(&mut world, ALICE, id, "hello, Bob").await;
        run_for(&mut world, 60_000).await;
        assert_eq!(transcript(&mut world, ALICE, id).await[0].state, MessageState::Stored);
        world.crash(ALICE).unwrap();
        run_for(&mut world, DAY_MS).await;
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["hello, Bob"]);
        assert_eq!(detail(&mut world, BOB, id).await.suite, Suite::Hybrid);
    });
}

#[test]
fn a_group_with_somebody_who_was_never_met_begins_while_they_are_away() {
    block_on(async {
        let (mut world, bob) = never_together(902, 4).await;
        world.exchange_links(ALICE, CAROL).await.unwrap();
        add_contact(&mut world, ALICE, bob).await;
        run_for(&mut world, 10_000).await;
        let id = create(&mut world, &[BOB, CAROL], Some("Three")).await;
        assert_eq!(detail(&mut world, ALICE, id).await.suite, Suite::Hybrid);
        send(&mut world, ALICE, id, "welcome, both").await;
        run_for(&mut world, 60_000).await;
        for place in [ALICE, CAROL] {
            world.crash(place).unwrap();
        }
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, BOB, id).await.last().map(String::as_str), Some("welcome, both"));
    });
}

#[test]
fn who_was_never_met_is_added_to_a_hybrid_group_while_away() {
    block_on(async {
        let (mut world, bob) = never_together(903, 4).await;
        world.exchange_links(ALICE, CAROL).await.unwrap();
        run_for(&mut world, 10_000).await;
        let id = create(&mut world, &[CAROL], Some("Two, so far")).await;
        assert_eq!(detail(&mut world, ALICE, id).await.suite, Suite::Hybrid);
        add_contact(&mut world, ALICE, bob).await;
        let added = add(&mut world, id, BOB).await.unwrap();
        assert_eq!((added.conversation.members.len(), added.pending.len()), (3, 0), "{added:?}");
        send(&mut world, ALICE, id, "welcome, Bob").await;
        run_for(&mut world, 60_000).await;
        for place in [ALICE, CAROL] {
            world.crash(place).unwrap();
        }
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
        assert_eq!(texts(&mut world, BOB, id).await.last().map(String::as_str), Some("welcome, Bob"));
    });
}

#[test]
fn adding_somebody_whose_mailbox_is_down_waits_says_so_and_is_done_when_it_is_back() {
    block_on(async {
        let (mut world, bob) = never_together(904, 4).await;
        world.exchange_links(ALICE, CAROL).await.unwrap();
        run_for(&mut world, 10_000).await;
        let id = create(&mut world, &[CAROL], Some("Two, so far")).await;
        world.crash(KEEPER).unwrap();
        add_contact(&mut world, ALICE, bob).await;
        let added = add(&mut world, id, BOB).await.unwrap();
        assert_eq!(added.conversation.members.len(), 2);
        let [pending] = added.pending.as_slice() else { panic!("{added:?}") };
        assert!(pending.starts_with("Adding Node 1 waits for their keys: neither they nor a mailbox"), "{pending}");
        // It is one wish, however often it is wished.
        assert_eq!(add(&mut world, id, BOB).await.unwrap().pending.len(), 1);
        run_for(&mut world, 5 * 60_000).await;
        // Whoever wanted it starts again meanwhile.
        world.crash(ALICE).unwrap();
        world.start(ALICE).await.unwrap();
        run_for(&mut world, 5 * 60_000).await;
        let waiting = detail(&mut world, ALICE, id).await;
        assert_eq!((waiting.conversation.members.len(), waiting.pending.as_slice()), (2, [pending.clone()].as_slice()));

        world.start(KEEPER).await.unwrap();
        run_for(&mut world, 15 * 60_000).await;
        let done = detail(&mut world, ALICE, id).await;
        assert_eq!((done.conversation.members.len(), done.pending.len()), (3, 0), "{done:?}");
        world.crash(ALICE).unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
    });
}

#[test]
fn a_link_whose_keys_ran_out_long_ago_still_leads_to_whoever_is_away() {
    const END_MS: u64 = START_MS + 10 * 365 * DAY_MS;
    block_on(async {
        let (mut world, bob) = never_together(905, 3).await;
        for place in [ALICE, KEEPER] {
            world.crash(place).unwrap();
        }
        // A month before their first certificates run out, everybody is there until they believe their clocks, and renews
        // theirs.
        world.run_until(END_MS - 30 * DAY_MS).await.unwrap();
        for place in [KEEPER, BOB, ALICE] {
            world.start(place).await.unwrap();
        }
        run_for(&mut world, 4 * DAY_MS).await;
        for place in [KEEPER, BOB, ALICE] {
            world.crash(place).unwrap();
        }
        world.run_until(END_MS + 30 * DAY_MS).await.unwrap();

        world.start(ALICE).await.unwrap();
        run_for(&mut world, 60_000).await;
        add_contact(&mut world, ALICE, bob).await;
        let begin = Command::CreateConversation { contacts: vec![world.account(BOB).unwrap()], name: None };
        let refused = ask(&mut world, ALICE, begin).await;
        let Err(Refused::NotNow { why }) = refused else { panic!("{refused:?}") };
        assert!(why.contains("neither they nor a mailbox of theirs could be reached"), "{why}");

        world.start(KEEPER).await.unwrap();
        run_for(&mut world, 60_000).await;
        let id = create(&mut world, &[BOB], None).await;
        send(&mut world, ALICE, id, "an old friend").await;
        run_for(&mut world, 60_000).await;
        world.crash(ALICE).unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, BOB, id).await, ["an old friend"]);
    });
}

#[test]
fn who_moved_and_is_away_again_is_found_at_their_mailbox_by_whom_they_never_told() {
    block_on(async {
        let (mut world, bob) = never_together(906, 3).await;
        add_contact(&mut world, ALICE, bob).await;
        let id = create(&mut world, &[BOB], None).await;
        world.crash(ALICE).unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, 20_000).await;
        ask(&mut world, BOB, Command::SetName("Bobby".to_owned())).await.unwrap();
        run_for(&mut world, 20_000).await;
        world.crash(BOB).unwrap();
        world.start(ALICE).await.unwrap();
        run_for(&mut world, 20_000).await;
        send(&mut world, ALICE, id, "where are you?").await;
        run_for(&mut world, 15 * 60_000).await;
        // The card that he left there is newer than the one that she has.
        let bob = world.account(BOB).unwrap();
        let contacts = world.engine(ALICE).unwrap().reader().contacts().await.unwrap();
        let known = contacts.iter().find(|contact| contact.account == bob).unwrap();
        assert_eq!(known.name, "Bobby");
    });
}

#[test]
fn a_mailbox_of_a_contact_that_moved_is_named_on_the_card_where_it_is_now() {
    const ELSEWHERE: &[u8] = &[4, 192, 0, 2, 7, 6, 0x0f, 0xa1];
    block_on(async {
        let mut world = World::new(907, 3, Faults::NONE).await.unwrap();
        world.serve_mailboxes(KEEPER, true).await.unwrap();
        world.exchange_links(ALICE, BOB).await.unwrap();
        world.exchange_links(BOB, KEEPER).await.unwrap();
        let id = create(&mut world, &[BOB], None).await;
        run_for(&mut world, 20_000).await;
        let keeper = MailboxOf::Contact(world.account(KEEPER).unwrap());
        ask(&mut world, BOB, Command::UseMailbox(keeper)).await.unwrap();
        run_for(&mut world, 20_000).await;
        // Alice is away when it moves, and hears of it by the conversation.
        world.crash(ALICE).unwrap();
        world.input(KEEPER, Input::Addresses(vec![Address(ELSEWHERE.to_vec())])).await.unwrap();
        run_for(&mut world, 60_000).await;
        let link = card(&mut world, BOB).await;
        let Ok(CardLink::Full(bobs)) = CardLink::parse(&link) else { panic!("{link}") };
        let mailboxes = &bobs.card().nodes[0].mailboxes;
        assert_eq!(mailboxes[0].addresses, [Address(ELSEWHERE.to_vec())]);
        let owed = world.engine(BOB).unwrap().unsettled().await.unwrap().owed;
        assert!(owed > 0, "Alice is to be told");
        send(&mut world, BOB, id, "look there").await;
        world.start(ALICE).await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_eq!(texts(&mut world, ALICE, id).await, ["look there"]);
    });
}
