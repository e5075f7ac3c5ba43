//! Strangers (PROTOCOL §6.16): what they begin waits hidden and without a receipt, and who is blocked is not told.

use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{Contact, MessageState, PageAt, Refused, Standing, StrangerRequest};
use tidings_node::ids::ConversationId;
use tidings_tests::faults::Faults;
use tidings_tests::world::{Fate, Place, World};

use crate::stage::{
    add, ask, assert_same, block_on, create, cut, message, people, rename, run_for, send, texts, transcript, view,
};

const ME: Place = 0;
const ADA: Place = 1;
const BEA: Place = 2;

/// As many people as that: all others have the link of the first, who knows nobody.
async fn strangers(seed: u64, count: usize) -> World {
    let mut world = World::new(seed, count, Faults::NONE).await.unwrap();
    for other in 1..count {
        give_card(&mut world, ME, other).await;
    }
    run_for(&mut world, 5_000).await;
    world
}

async fn give_card(world: &mut World, from: Place, to: Place) {
    let Ok(Reply::Card(links)) = ask(world, from, Command::Card).await else { panic!("no card") };
    let added = ask(world, to, Command::AddContact(links.link)).await;
    assert!(matches!(added, Ok(Reply::Contact(_))), "{added:?}");
}

async fn start(world: &mut World, from: Place, with: &[Place], name: Option<&str>) -> ConversationId {
    let contacts = with.iter().map(|other| world.account(*other).unwrap()).collect();
    match ask(world, from, Command::CreateConversation { contacts, name: name.map(str::to_owned) }).await {
        Ok(Reply::Conversation(conversation)) => conversation.id,
        other => panic!("{other:?}"),
    }
}

async fn requests(world: &mut World, at: Place) -> Vec<StrangerRequest> {
    world.engine(at).unwrap().reader().requests().await.unwrap()
}

async fn contacts(world: &mut World, at: Place) -> Vec<Contact> {
    world.engine(at).unwrap().reader().contacts().await.unwrap()
}

/// Nothing of the conversation can be read or done here.
async fn assert_hidden(world: &mut World, at: Place, id: ConversationId) {
    let engine = world.engine(at).unwrap();
    let (reader, me) = (engine.reader(), engine.me());
    assert!(reader.conversations(&me).await.unwrap().iter().all(|conversation| conversation.id != id));
    assert_eq!(reader.conversation(id, &me).await.unwrap(), None);
    assert_eq!(reader.messages(id, PageAt::Newest, 10, &me).await.unwrap(), None);
    for command in [Command::Send(message(id, "no")), Command::Group(id), Command::Leave(id)] {
        let answer = ask(world, at, command).await;
        assert!(matches!(answer, Err(Refused::UnknownConversation)), "{answer:?}");
    }
}

async fn states(world: &mut World, at: Place, id: ConversationId) -> Vec<MessageState> {
    transcript(world, at, id).await.iter().filter(|message| message.mine).map(|message| message.state).collect()
}

#[test]
fn what_a_stranger_writes_waits_hidden_and_nothing_says_that_it_was_delivered_until_it_is_accepted() {
    block_on(async {
        let mut world = strangers(901, 2).await;
        let id = start(&mut world, ADA, &[ME], None).await;
        send(&mut world, ADA, id, "hello").await;
        run_for(&mut world, 2 * 60 * 60 * 1_000).await;
        let waiting = requests(&mut world, ME).await;
        let [request] = waiting.as_slice() else { panic!("{waiting:?}") };
        assert_eq!((request.conversation, request.messages, request.people, request.direct), (id, 1, 2, true));
        assert_eq!(request.account, world.account(ADA).unwrap());
        assert_eq!(request.fingerprint.split(' ').count(), 6);
        assert_eq!(contacts(&mut world, ME).await, []);
        assert_hidden(&mut world, ME, id).await;
        assert!(states(&mut world, ADA, id).await.iter().all(|state| *state < MessageState::Delivered));

        let opened = ask(&mut world, ME, Command::AcceptRequest(id)).await;
        assert!(matches!(opened, Ok(Reply::Conversation(_))), "{opened:?}");
        run_for(&mut world, 10_000).await;
        assert_eq!(texts(&mut world, ME, id).await, ["hello"]);
        assert_eq!(states(&mut world, ADA, id).await, [MessageState::Delivered]);
        assert!(requests(&mut world, ME).await.is_empty());
        assert!(contacts(&mut world, ME).await.iter().any(|contact| contact.added));
        send(&mut world, ME, id, "who are you?").await;
        run_for(&mut world, 10_000).await;
        assert_eq!(texts(&mut world, ADA, id).await, ["hello", "who are you?"]);
    });
}

#[test]
fn who_accepts_while_the_other_is_away_says_so_when_they_meet_also_after_a_restart() {
    block_on(async {
        let mut world = strangers(902, 2).await;
        let id = start(&mut world, ADA, &[ME], None).await;
        send(&mut world, ADA, id, "hello").await;
        run_for(&mut world, 10_000).await;
        cut(&mut world, ADA, false);
        run_for(&mut world, 60_000).await;
        world.crash(ME).unwrap();
        world.start(ME).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_hidden(&mut world, ME, id).await;
        ask(&mut world, ME, Command::AcceptRequest(id)).await.unwrap();
        world.crash(ME).unwrap();
        world.start(ME).await.unwrap();
        run_for(&mut world, 10_000).await;
        cut(&mut world, ADA, true);
        run_for(&mut world, 2 * 60_000).await;
        assert_eq!(states(&mut world, ADA, id).await, [MessageState::Delivered]);
        assert_eq!(texts(&mut world, ME, id).await, ["hello"]);
    });
}

#[test]
fn a_request_keeps_a_hundred_texts_and_the_others_come_once_it_is_accepted() {
    block_on(async {
        let mut world = strangers(903, 2).await;
        let id = start(&mut world, ADA, &[ME], None).await;
        let written: Vec<String> = (0..130).map(|number| format!("text {number}")).collect();
        for text in &written {
            send(&mut world, ADA, id, text).await;
            run_for(&mut world, 200).await;
        }
        run_for(&mut world, 3 * 60 * 60 * 1_000).await;
        assert_eq!(requests(&mut world, ME).await.first().map(|request| request.messages), Some(100));
        ask(&mut world, ME, Command::AcceptRequest(id)).await.unwrap();
        run_for(&mut world, 3 * 60 * 60 * 1_000).await;
        assert_eq!(texts(&mut world, ME, id).await, written);
        assert!(states(&mut world, ADA, id).await.iter().all(|state| *state == MessageState::Delivered));
    });
}

#[test]
fn a_stranger_has_three_requests_and_the_next_waits_until_one_is_decided() {
    block_on(async {
        let mut world = strangers(904, 2).await;
        for number in 0..4 {
            start(&mut world, ADA, &[ME], Some(&format!("Group {number}"))).await;
        }
        run_for(&mut world, 60_000).await;
        let waiting = requests(&mut world, ME).await;
        assert_eq!(waiting.len(), 3);
        ask(&mut world, ME, Command::RefuseRequest(waiting[0].conversation)).await.unwrap();
        run_for(&mut world, 10 * 60_000).await;
        let now = requests(&mut world, ME).await;
        assert_eq!(now.len(), 3);
        assert!(now.iter().all(|request| request.conversation != waiting[0].conversation));
    });
}

#[test]
fn a_group_of_a_stranger_is_left_when_it_is_refused_and_opens_when_it_is_accepted() {
    block_on(async {
        let mut world = strangers(905, 3).await;
        world.exchange_links(ADA, BEA).await.unwrap();
        run_for(&mut world, 5_000).await;
        let refused = start(&mut world, ADA, &[ME, BEA], Some("Refused")).await;
        let accepted = start(&mut world, ADA, &[ME, BEA], Some("Accepted")).await;
        for id in [refused, accepted] {
            send(&mut world, ADA, id, "welcome").await;
        }
        run_for(&mut world, 30_000).await;
        let waiting = requests(&mut world, ME).await;
        assert_eq!(waiting.len(), 2);
        assert!(waiting.iter().all(|request| request.people == 3 && !request.direct && request.messages == 1));
        assert_hidden(&mut world, ME, refused).await;

        ask(&mut world, ME, Command::RefuseRequest(refused)).await.unwrap();
        ask(&mut world, ME, Command::AcceptRequest(accepted)).await.unwrap();
        run_for(&mut world, 10 * 60_000).await;
        assert_hidden(&mut world, ME, refused).await;
        let me = world.account(ME).unwrap();
        assert!(view(&mut world, ADA, refused).await.members.iter().all(|member| member.account != me));
        assert_same(&mut world, &[ADA, BEA], refused).await;
        assert_eq!(view(&mut world, ME, accepted).await.standing, Standing::Member);
        assert_same(&mut world, &[ADA, BEA], accepted).await;
        assert!(texts(&mut world, ME, accepted).await.contains(&"welcome".to_owned()));
        // A group is no acquaintance: who brought me there is no contact by it.
        assert_eq!(contacts(&mut world, ME).await, []);
    });
}

#[test]
fn what_was_refused_is_gone_and_what_comes_later_is_not_shown_until_the_two_are_contacts() {
    block_on(async {
        let mut world = strangers(906, 2).await;
        let id = start(&mut world, ADA, &[ME], None).await;
        send(&mut world, ADA, id, "first").await;
        run_for(&mut world, 10_000).await;
        ask(&mut world, ME, Command::RefuseRequest(id)).await.unwrap();
        let again = ask(&mut world, ME, Command::RefuseRequest(id)).await;
        assert!(matches!(again, Err(Refused::UnknownConversation)), "{again:?}");
        send(&mut world, ADA, id, "second").await;
        run_for(&mut world, 2 * 60 * 60 * 1_000).await;
        assert!(requests(&mut world, ME).await.is_empty());
        assert_hidden(&mut world, ME, id).await;
        assert!(states(&mut world, ADA, id).await.iter().all(|state| *state < MessageState::Delivered));

        give_card(&mut world, ADA, ME).await;
        run_for(&mut world, 2 * 60 * 60 * 1_000).await;
        // What was refused is not said to have been delivered.
        assert_eq!(texts(&mut world, ME, id).await, ["second"]);
        assert!(states(&mut world, ADA, id).await[0] < MessageState::Delivered);
        assert_eq!(states(&mut world, ADA, id).await[1], MessageState::Delivered);
    });
}

#[test]
fn who_is_blocked_learns_nothing_and_the_group_they_share_does_not_part() {
    block_on(async {
        let mut world = Box::pin(people(907, 3)).await;
        let group = create(&mut world, &[ADA, BEA], Some("Walking")).await;
        let direct = start(&mut world, ADA, &[ME], None).await;
        send(&mut world, ADA, direct, "before").await;
        run_for(&mut world, 30_000).await;
        let ada = world.account(ADA).unwrap();
        ask(&mut world, ME, Command::Block(ada)).await.unwrap();
        send(&mut world, ADA, direct, "while blocked").await;
        for (at, name) in [(ADA, "By Ada"), (BEA, "By Bea"), (ME, "By me")] {
            ask(&mut world, at, rename(group, name)).await.unwrap();
            send(&mut world, at, group, name).await;
        }
        run_for(&mut world, 2 * 60 * 60 * 1_000).await;
        assert_same(&mut world, &[ME, ADA, BEA], group).await;
        assert_eq!(texts(&mut world, ME, direct).await, ["before"]);
        assert!(!view(&mut world, ME, direct).await.can_write);
        let sent = ask(&mut world, ME, Command::Send(message(direct, "no"))).await;
        assert!(matches!(sent, Err(Refused::NotAllowed { .. })), "{sent:?}");
        assert!(states(&mut world, ADA, direct).await[1] < MessageState::Delivered);
        // In the group nothing is held back: what is missing there would tell them.
        assert_eq!(states(&mut world, ADA, group).await, [MessageState::Delivered]);

        let theirs = start(&mut world, ADA, &[ME], Some("Another")).await;
        run_for(&mut world, 60_000).await;
        assert!(requests(&mut world, ME).await.is_empty());
        assert_hidden(&mut world, ME, theirs).await;

        world.crash(ME).unwrap();
        world.start(ME).await.unwrap();
        run_for(&mut world, 10_000).await;
        let me = world.account(ME).unwrap();
        let refused = ask(&mut world, ME, Command::Block(me)).await;
        assert!(matches!(refused, Err(Refused::NotAllowed { .. })), "{refused:?}");
        ask(&mut world, ME, Command::Unblock(ada)).await.unwrap();
        run_for(&mut world, 2 * 60 * 60 * 1_000).await;
        assert_eq!(texts(&mut world, ME, direct).await, ["before", "while blocked"]);
        assert!(states(&mut world, ADA, direct).await.iter().all(|state| *state == MessageState::Delivered));
    });
}

#[test]
fn a_stranger_who_is_blocked_is_out_of_the_tray_and_does_not_come_back_into_it() {
    block_on(async {
        let mut world = strangers(908, 3).await;
        let id = start(&mut world, ADA, &[ME], None).await;
        let other = start(&mut world, BEA, &[ME], None).await;
        send(&mut world, ADA, id, "buy").await;
        run_for(&mut world, 10_000).await;
        let ada = world.account(ADA).unwrap();
        ask(&mut world, ME, Command::Block(ada)).await.unwrap();
        send(&mut world, ADA, id, "buy now").await;
        start(&mut world, ADA, &[ME], Some("Bargains")).await;
        run_for(&mut world, 60_000).await;
        let waiting: Vec<_> = requests(&mut world, ME).await.iter().map(|request| request.conversation).collect();
        assert_eq!(waiting, [other]);
        assert!(states(&mut world, ADA, id).await.iter().all(|state| *state < MessageState::Delivered));
        let blocked = world.engine(ME).unwrap().reader().blocked().await.unwrap();
        assert_eq!(blocked.iter().map(|it| it.account).collect::<Vec<_>>(), [ada]);
        let bea = world.account(BEA).unwrap();
        let unknown = ask(&mut world, ME, Command::Unblock(bea)).await;
        assert!(matches!(unknown, Err(Refused::NotBlocked)), "{unknown:?}");
    });
}

#[test]
fn a_contact_is_verified_by_the_number_that_both_see_and_by_no_other() {
    block_on(async {
        let mut world = Box::pin(people(909, 3)).await;
        let group = create(&mut world, &[ADA], Some("Walking")).await;
        add(&mut world, ME, group, BEA).await;
        run_for(&mut world, 20_000).await;
        let (ada, bea) = (world.account(ADA).unwrap(), world.account(BEA).unwrap());
        let known = contacts(&mut world, ME).await;
        let number = |account| known.iter().find(|contact| contact.account == account).unwrap().safety_number.clone();
        let verify = |account, safety_number| Command::Verify { account, safety_number };
        let wrong = ask(&mut world, ME, verify(ada, Some(number(bea)))).await;
        assert!(matches!(wrong, Err(Refused::OtherSafetyNumber)), "{wrong:?}");
        ask(&mut world, ME, verify(ada, Some(number(ada).replace(' ', "")))).await.unwrap();
        world.crash(ME).unwrap();
        world.start(ME).await.unwrap();
        let marked: Vec<_> = contacts(&mut world, ME)
            .await
            .into_iter()
            .filter_map(|contact| contact.verified_at_ms.map(|_| contact.account))
            .collect();
        assert_eq!(marked, [ada]);
        // Who is only a fellow member is no contact, and cannot be marked.
        let fellow = ask(&mut world, ADA, verify(bea, Some(number(bea)))).await;
        assert!(matches!(fellow, Err(Refused::UnknownContact)), "{fellow:?}");
        ask(&mut world, ME, verify(ada, None)).await.unwrap();
        assert!(contacts(&mut world, ME).await.iter().all(|contact| contact.verified_at_ms.is_none()));
    });
}

#[test]
fn a_stranger_whom_the_owner_adds_needs_no_other_acceptance() {
    block_on(async {
        let mut world = strangers(910, 2).await;
        let id = start(&mut world, ADA, &[ME], None).await;
        send(&mut world, ADA, id, "hello").await;
        run_for(&mut world, 10_000).await;
        give_card(&mut world, ADA, ME).await;
        run_for(&mut world, 10_000).await;
        assert_eq!(texts(&mut world, ME, id).await, ["hello"]);
        assert_eq!(states(&mut world, ADA, id).await, [MessageState::Delivered]);
        let answered = world.command(ME, Command::AcceptRequest(id)).await.unwrap();
        assert!(matches!(answered, Fate::Answered(Err(Refused::UnknownConversation))), "{answered:?}");
    });
}
