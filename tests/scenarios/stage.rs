//! What the scenarios are made of: people and their groups on the simulator, what they do, and what they see then.

use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{Conversation, GroupDetail, Message, NewMessage, PageAt, PolicyPatch, Refused, Standing};
use tidings_node::ids::{ConversationId, MessageId};
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

/// As [`people`], all of them in one group that the first has just made.
pub(crate) async fn walkers(seed: u64, count: usize) -> (World, ConversationId) {
    let mut world = Box::pin(people(seed, count)).await;
    let others: Vec<Place> = (1..count).collect();
    let id = create(&mut world, &others, Some("Walking")).await;
    (world, id)
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

pub(crate) async fn send(world: &mut World, at: Place, conversation: ConversationId, text: &str) -> MessageId {
    match ask(world, at, Command::Send(message(conversation, text))).await {
        Ok(Reply::Message(message)) => message.id,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn add(world: &mut World, at: Place, conversation: ConversationId, whom: Place) {
    let accounts = vec![world.account(whom).unwrap()];
    group(world, at, Command::AddMembers { conversation, accounts }).await.unwrap();
}

pub(crate) async fn remove(world: &mut World, at: Place, conversation: ConversationId, whom: Place) {
    let accounts = vec![world.account(whom).unwrap()];
    group(world, at, Command::RemoveMembers { conversation, accounts }).await.unwrap();
}

pub(crate) async fn set_policy(world: &mut World, at: Place, conversation: ConversationId, patch: PolicyPatch) {
    group(world, at, Command::SetPolicy { conversation, patch }).await.unwrap();
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

pub(crate) fn message(conversation: ConversationId, text: &str) -> NewMessage {
    NewMessage { conversation, text: text.to_owned(), reply_to: None, idempotency_key: None }
}

pub(crate) fn rename(conversation: ConversationId, name: &str) -> Command {
    let patch = PolicyPatch { name: Some(name.to_owned()), ..PolicyPatch::default() };
    Command::SetPolicy { conversation, patch }
}

pub(crate) fn topic(conversation: ConversationId, topic: &str) -> Command {
    let patch = PolicyPatch { topic: Some(topic.to_owned()), ..PolicyPatch::default() };
    Command::SetPolicy { conversation, patch }
}

/// Cuts the node off from all others, or connects it again.
pub(crate) fn cut(world: &mut World, at: Place, up: bool) {
    let now_ms = world.now_ms();
    for other in (0..world.nodes()).filter(|other| *other != at) {
        world.set_link_at(now_ms, at, other, up);
    }
}
