//! Groups of many: who is in them, what they are called, and what their transcripts tell, on every node alike.

use tidings_node::engine::{Command, Input, Reply};
use tidings_node::handle::{
    Conversation, GroupDetail, History, Message, MessageKind, NewMessage, PageAt, PolicyPatch, Refused, Role, Standing,
    Suite, Who,
};
use tidings_node::ids::ConversationId;
use tidings_tests::faults::Faults;
use tidings_tests::world::{Fate, Place, World};

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

pub(crate) async fn run_for(world: &mut World, ms: u64) {
    let until_ms = world.now_ms() + ms;
    world.run_until(until_ms).await.unwrap();
}

/// People of whom the first knows all others, who do not know each other.
pub(crate) async fn people(seed: u64, count: usize) -> World {
    let mut world = World::new(seed, count, Faults::NONE).await.unwrap();
    for other in 1..count {
        world.exchange_links(0, other).await.unwrap();
    }
    run_for(&mut world, 5_000).await;
    world
}

pub(crate) async fn ask(world: &mut World, at: Place, command: Command) -> Result<Reply, Refused> {
    match world.command(at, command).await.unwrap() {
        Fate::Answered(answer) => answer,
        Fate::Unanswered => panic!("the node is down"),
    }
}

pub(crate) async fn group(world: &mut World, at: Place, command: Command) -> Result<GroupDetail, Refused> {
    match ask(world, at, command).await {
        Ok(Reply::Group(detail)) => Ok(*detail),
        Ok(other) => panic!("{other:?}"),
        Err(refused) => Err(refused),
    }
}

pub(crate) async fn create(world: &mut World, others: &[Place], name: Option<&str>) -> ConversationId {
    let contacts = others.iter().map(|other| world.account(*other).unwrap()).collect();
    let name = name.map(str::to_owned);
    match ask(world, 0, Command::CreateConversation { contacts, name }).await {
        Ok(Reply::Conversation(conversation)) => conversation.id,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn send(world: &mut World, at: Place, conversation: ConversationId, text: &str) {
    let new = NewMessage { conversation, text: text.to_owned(), reply_to: None, idempotency_key: None };
    ask(world, at, Command::Send(new)).await.unwrap();
}

pub(crate) async fn view(world: &mut World, at: Place, id: ConversationId) -> Conversation {
    let engine = world.engine(at).unwrap();
    let (reader, me) = (engine.reader(), engine.me());
    reader.conversation(id, &me).await.unwrap().expect("the conversation is here")
}

pub(crate) async fn transcript(world: &mut World, at: Place, id: ConversationId) -> Vec<Message> {
    let engine = world.engine(at).unwrap();
    let (reader, me) = (engine.reader(), engine.me());
    reader.messages(id, PageAt::Newest, 500, &me).await.unwrap().expect("the conversation is here").messages
}

pub(crate) async fn texts(world: &mut World, at: Place, id: ConversationId) -> Vec<String> {
    transcript(world, at, id).await.into_iter().map(|message| message.text).collect()
}

/// All these nodes have the same members, the same group and the same transcript, lines included.
pub(crate) async fn assert_same(world: &mut World, at: &[Place], id: ConversationId) {
    let mut first = None;
    for place in at {
        let conversation = view(world, *place, id).await;
        assert_eq!(conversation.standing, Standing::Member, "at {place}");
        let mut members: Vec<_> = conversation.members.iter().map(|member| (member.account, member.role)).collect();
        members.sort_unstable();
        let lines: Vec<_> = transcript(world, *place, id).await.iter().map(|m| (m.place, m.id)).collect();
        let authenticator = world.engine(*place).unwrap().authenticator(id).await.unwrap();
        let all = (authenticator, conversation.name, members, lines);
        let expected = first.get_or_insert_with(|| all.clone());
        assert_eq!(all, *expected, "at {place}");
    }
}

pub(crate) fn rename(conversation: ConversationId, name: &str) -> Command {
    let patch = PolicyPatch { name: Some(name.to_owned()), ..PolicyPatch::default() };
    Command::SetPolicy { conversation, patch }
}

/// Cuts the node off from all others, or connects it again.
pub(crate) fn cut(world: &mut World, at: Place, up: bool) {
    let now_ms = world.now_ms();
    for other in (0..world.nodes()).filter(|other| *other != at) {
        world.set_link_at(now_ms, at, other, up);
    }
}

#[test]
fn a_group_of_four_tells_everybody_the_same() {
    block_on(async {
        let mut world = people(101, 4).await;
        let id = create(&mut world, &[1, 2, 3], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        send(&mut world, 2, id, "hello").await;
        run_for(&mut world, 5_000).await;
        group(&mut world, 1, rename(id, "Hiking")).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_same(&mut world, &[0, 1, 2, 3], id).await;
        assert_eq!(
            texts(&mut world, 0, id).await,
            ["You created the group", "hello", "Node 1 renamed the group to “Hiking”"]
        );
        assert_eq!(texts(&mut world, 1, id).await.last().unwrap(), "You renamed the group to “Hiking”");
        // Those who are no contacts know each other's names, and are no contacts by that.
        assert_eq!(texts(&mut world, 3, id).await.last().unwrap(), "Node 1 renamed the group to “Hiking”");
        let contacts = world.engine(3).unwrap().reader().contacts().await.unwrap();
        assert_eq!(contacts.len(), 1);
        let told = view(&mut world, 2, id).await;
        assert_eq!((told.unread, told.members.len(), told.my_role), (0, 4, Role::Member));
        assert!(matches!(told.last_message.unwrap().kind, MessageKind::System(_)));
    });
}

#[test]
fn two_renames_at_once_leave_one_name_and_one_line_and_the_loser_is_told() {
    block_on(async {
        let mut world = people(102, 3).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 1_000).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        group(&mut world, 1, rename(id, "Running")).await.unwrap();
        run_for(&mut world, 20_000).await;
        world.heal().await.unwrap();
        run_for(&mut world, 90_000).await;
        assert_same(&mut world, &[0, 1, 2], id).await;
        let lines = texts(&mut world, 2, id).await;
        assert_eq!(lines.iter().filter(|line| line.contains("renamed")).count(), 1, "{lines:?}");
        let given_up = [
            group(&mut world, 0, Command::Group(id)).await.unwrap().given_up,
            group(&mut world, 1, Command::Group(id)).await.unwrap().given_up,
        ];
        assert_eq!(given_up.iter().map(Vec::len).sum::<usize>(), 1, "{given_up:?}");
    });
}

#[test]
fn changes_that_do_not_contradict_all_come_true_whoever_wins() {
    block_on(async {
        let mut world = people(103, 5).await;
        world.exchange_links(1, 4).await.unwrap();
        let id = create(&mut world, &[1, 2], None).await;
        run_for(&mut world, 20_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 1_000).await;
        let three = world.account(3).unwrap();
        group(&mut world, 0, Command::AddMembers { conversation: id, accounts: vec![three] }).await.unwrap();
        let patch = PolicyPatch { topic: Some("Saturdays".to_owned()), ..PolicyPatch::default() };
        group(&mut world, 1, Command::SetPolicy { conversation: id, patch }).await.unwrap();
        let four = world.account(4).unwrap();
        group(&mut world, 1, Command::AddMembers { conversation: id, accounts: vec![four] }).await.unwrap();
        run_for(&mut world, 20_000).await;
        world.heal().await.unwrap();
        run_for(&mut world, 120_000).await;
        for place in 0..5 {
            let seen = view(&mut world, place, id).await;
            assert_eq!((seen.members.len(), seen.topic.as_str()), (5, "Saturdays"), "at {place}");
        }
        send(&mut world, 4, id, "all here?").await;
        run_for(&mut world, 20_000).await;
        for place in 0..5 {
            assert!(texts(&mut world, place, id).await.contains(&"all here?".to_owned()), "at {place}");
        }
    });
}

#[test]
fn a_node_that_crashes_after_a_change_makes_it_again_and_only_once() {
    block_on(async {
        let mut world = people(104, 3).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        cut(&mut world, 1, false);
        run_for(&mut world, 1_000).await;
        group(&mut world, 0, rename(id, "Hiking")).await.unwrap();
        let patch = PolicyPatch { topic: Some("Saturdays".to_owned()), ..PolicyPatch::default() };
        group(&mut world, 1, Command::SetPolicy { conversation: id, patch }).await.unwrap();
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        world.heal().await.unwrap();
        run_for(&mut world, 300).await;
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        run_for(&mut world, 120_000).await;
        assert_same(&mut world, &[0, 1, 2], id).await;
        let lines = texts(&mut world, 2, id).await;
        assert_eq!(lines.iter().filter(|line| line.contains("topic")).count(), 1, "{lines:?}");
        assert_eq!(view(&mut world, 2, id).await.topic, "Saturdays");
    });
}

#[test]
fn who_is_removed_writes_nothing_more_and_comes_back_when_added_again() {
    block_on(async {
        let mut world = people(105, 3).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        let one = world.account(1).unwrap();
        let remove = Command::RemoveMembers { conversation: id, accounts: vec![one] };
        assert!(matches!(group(&mut world, 2, remove).await, Err(Refused::NotAllowed { .. })));
        let remove = Command::RemoveMembers { conversation: id, accounts: vec![one] };
        group(&mut world, 0, remove).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Removed);
        assert_eq!(texts(&mut world, 1, id).await.last().unwrap(), "Node 0 removed you");
        let new = NewMessage { conversation: id, text: "still?".to_owned(), reply_to: None, idempotency_key: None };
        assert!(matches!(ask(&mut world, 1, Command::Send(new)).await, Err(Refused::NotAMember)));
        send(&mut world, 2, id, "without you").await;
        run_for(&mut world, 5_000).await;
        group(&mut world, 0, Command::AddMembers { conversation: id, accounts: vec![one] }).await.unwrap();
        run_for(&mut world, 20_000).await;
        send(&mut world, 1, id, "back").await;
        run_for(&mut world, 10_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Member);
        assert!(!texts(&mut world, 1, id).await.contains(&"without you".to_owned()));
        assert_eq!(texts(&mut world, 2, id).await.last().unwrap(), "back");
    });
}

#[test]
fn a_welcome_that_overtakes_the_removal_it_answers_is_kept_and_taken_after_it() {
    block_on(async {
        let mut world = people(106, 3).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        let patch = PolicyPatch { may_invite: Some(Who::Everybody), ..PolicyPatch::default() };
        group(&mut world, 0, Command::SetPolicy { conversation: id, patch }).await.unwrap();
        run_for(&mut world, 10_000).await;
        let one = world.account(1).unwrap();
        cut(&mut world, 1, false);
        group(&mut world, 0, Command::RemoveMembers { conversation: id, accounts: vec![one] }).await.unwrap();
        run_for(&mut world, 10_000).await;
        group(&mut world, 2, Command::AddMembers { conversation: id, accounts: vec![one] }).await.unwrap();
        run_for(&mut world, 10_000).await;
        // The Welcome reaches node 1, who is a member all the while and knows of no removal.
        let now_ms = world.now_ms();
        world.set_link_at(now_ms, 1, 2, true);
        run_for(&mut world, 60_000).await;
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        cut(&mut world, 1, true);
        run_for(&mut world, 60_000).await;
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Member);
        send(&mut world, 1, id, "back").await;
        run_for(&mut world, 10_000).await;
        assert_eq!(texts(&mut world, 0, id).await.last().unwrap(), "back");
        assert_eq!(texts(&mut world, 2, id).await.last().unwrap(), "back");
    });
}

#[test]
fn who_leaves_is_taken_out_by_one_of_the_others_even_if_they_may_only_read() {
    block_on(async {
        let mut world = people(106, 4).await;
        let id = create(&mut world, &[1, 2, 3], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        let one = world.account(1).unwrap();
        group(&mut world, 0, Command::SetRole { conversation: id, account: one, role: Role::ReadOnly }).await.unwrap();
        run_for(&mut world, 10_000).await;
        let read_only = view(&mut world, 1, id).await;
        assert!(!read_only.can_write && read_only.my_role == Role::ReadOnly);
        let Ok(Reply::Conversation(left)) = ask(&mut world, 1, Command::Leave(id)).await else { panic!("left") };
        assert_eq!(left.standing, Standing::Left);
        run_for(&mut world, 30_000).await;
        assert_same(&mut world, &[0, 2, 3], id).await;
        let lines = texts(&mut world, 2, id).await;
        assert_eq!(lines.iter().filter(|line| *line == "Node 1 left").count(), 1, "{lines:?}");
        assert_eq!(view(&mut world, 1, id).await.standing, Standing::Left);
        // The owner leaves too; those who stay can still change everything.
        let Ok(Reply::Conversation(_)) = ask(&mut world, 0, Command::Leave(id)).await else { panic!("left") };
        run_for(&mut world, 30_000).await;
        let patch = PolicyPatch { history: Some(History::Everything), ..PolicyPatch::default() };
        group(&mut world, 3, Command::SetPolicy { conversation: id, patch }).await.unwrap();
        run_for(&mut world, 10_000).await;
        assert_same(&mut world, &[2, 3], id).await;
        assert_eq!(view(&mut world, 2, id).await.members.len(), 2);
    });
}

#[test]
fn keys_are_renewed_after_joining_and_every_week_in_silence() {
    block_on(async {
        let mut world = people(107, 2).await;
        let id = create(&mut world, &[1], Some("Two")).await;
        run_for(&mut world, 20_000).await;
        let joined = world.engine(1).unwrap().authenticator(id).await.unwrap();
        run_for(&mut world, 9 * 24 * 60 * 60 * 1_000).await;
        assert_same(&mut world, &[0, 1], id).await;
        assert_ne!(world.engine(1).unwrap().authenticator(id).await.unwrap(), joined);
        assert_eq!(texts(&mut world, 1, id).await, ["Node 0 created the group"]);
    });
}

#[test]
fn a_node_whose_certificate_has_run_out_is_removed_by_whoever_notices() {
    block_on(async {
        let mut world = people(108, 3).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 20_000).await;
        // Eleven years on, by one clock: its own certificate is renewed, those of the others are over. The others do not
        // take a commit from so far ahead.
        world.set_clock(0, 11 * 365 * 24 * 60 * 60 * 1_000);
        for _ in 0..3 {
            // The world has set its alarms by the old clock.
            world.input(0, Input::Deadline).await.unwrap();
            run_for(&mut world, 10_000).await;
        }
        let alone = view(&mut world, 0, id).await;
        assert_eq!((alone.standing, alone.members.len()), (Standing::Member, 1));
    });
}

#[test]
fn a_group_begins_hybrid_where_every_node_was_met_and_classic_where_one_was_not() {
    block_on(async {
        let mut world = people(109, 3).await;
        let id = create(&mut world, &[1, 2], Some("Met")).await;
        assert_eq!(group(&mut world, 0, Command::Group(id)).await.unwrap().suite, Suite::Hybrid);
        let mut world = World::new(110, 2, Faults::NONE).await.unwrap();
        world.crash(1).unwrap();
        world.start(1).await.unwrap();
        cut(&mut world, 1, false);
        run_for(&mut world, 20_000).await;
        world.exchange_links(0, 1).await.unwrap();
        let id = create(&mut world, &[1], Some("Never met")).await;
        assert_eq!(group(&mut world, 0, Command::Group(id)).await.unwrap().suite, Suite::Classic);
        world.heal().await.unwrap();
        run_for(&mut world, 60_000).await;
        assert_same(&mut world, &[0, 1], id).await;
    });
}
