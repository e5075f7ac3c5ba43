//! One seeded schedule: people talk while everything fails, then everything heals, and the checkers look.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{MessageState, NewMessage, PageAt};
use tidings_node::ids::{ConversationId, MessageId};

use crate::faults::Faults;
use crate::world::{Fate, Place, START_MS, World};

/// People talk for this long, in virtual time …
const TALK_MS: u64 = 90_000;
/// … and then everything has this long to settle: longer than the longest pause between attempts, and than a late
/// duplicate.
const SETTLE_MS: u64 = 300_000;
/// How many messages people try to send.
const MESSAGES: u64 = 40;

/// What one schedule came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Messages that a node accepted.
    pub messages: u64,
    /// Accepted messages that some member does not have at the end.
    pub lost: u64,
    /// Messages that some member has twice.
    pub duplicated: u64,
    /// Envelopes that could not be read at the end: parked, or refused again and again.
    pub undecryptable: u64,
    /// Conversations whose members do not agree on the order, the group or the states.
    pub diverged: u64,
    /// Envelopes with something readable in them.
    pub readable: u64,
    /// Crashes on the way.
    pub crashes: u64,
    /// A hash of all that happened.
    pub trace: String,
}

impl Report {
    /// Whether everything is as it must be.
    pub fn is_clean(&self) -> bool {
        self.readable == 0 && self.lost == 0 && self.duplicated == 0 && self.undecryptable == 0 && self.diverged == 0
    }
}

/// Runs one schedule.
pub async fn run(seed: u64, nodes: usize, faults: Faults) -> Result<Report> {
    let mut world = World::new(seed, nodes, faults).await?;
    world.set_faults(false);
    for one in 0..nodes {
        for other in 0..one {
            world.exchange_links(one, other).await?;
        }
    }
    world.set_faults(true);
    if faults.partition {
        cut_and_mend(&mut world);
    }
    let accepted = talk(&mut world).await?;
    world.heal().await?;
    let settled_ms = world.now_ms() + SETTLE_MS;
    world.run_until(settled_ms).await?;
    check(&mut world, &accepted).await
}

fn cut_and_mend(world: &mut World) {
    for one in 0..world.nodes() {
        for other in 0..one {
            let mut at_ms = START_MS;
            loop {
                at_ms += 2_000 + world.below(30_000);
                let mended_ms = at_ms + 500 + world.below(40_000);
                if at_ms > START_MS + TALK_MS {
                    break;
                }
                world.set_link_at(at_ms, one, other, false);
                world.set_link_at(mended_ms, one, other, true);
                at_ms = mended_ms;
            }
        }
    }
}

/// The conversations with their members, and the messages that were accepted in each.
type Accepted = BTreeMap<ConversationId, (BTreeSet<Place>, BTreeMap<MessageId, Place>)>;

async fn talk(world: &mut World) -> Result<Accepted> {
    let mut accepted = Accepted::new();
    let mut group = None;
    let begun_ms = world.now_ms();
    for number in 0..MESSAGES {
        let pause_ms = if world.below(3) == 0 { 5 } else { world.below(2 * TALK_MS / MESSAGES) };
        let at_ms = world.now_ms() + pause_ms;
        world.run_until(at_ms).await?;
        let from = place(world.below(world.nodes() as u64))?;
        let nodes = world.nodes();
        let in_group = nodes > 2 && world.below(2) == 0;
        let to = (from + 1 + place(world.below(nodes as u64 - 1))?) % nodes;
        let conversation = if in_group {
            match group {
                Some(id) if holds(world, from, id).await? => Some(id),
                Some(_) => None,
                None => {
                    let everybody: Vec<Place> = (0..nodes).collect();
                    group = create(world, from, &everybody, Some("All of us".to_owned()), &mut accepted).await?;
                    group
                }
            }
        } else {
            create(world, from, &[from, to], None, &mut accepted).await?
        };
        let Some(conversation) = conversation else { continue };
        let text = format!("message {number} of {from}");
        let key = format!("{from}-{number}");
        let new = NewMessage { conversation, text, reply_to: None, idempotency_key: Some(key) };
        // A client that got no answer asks again, with the same key: it must still be one message.
        for _ in 0..2 {
            if let Fate::Answered(Ok(Reply::Message(message))) = world.command(from, Command::Send(new.clone())).await?
            {
                let (_, messages) = accepted.get_mut(&conversation).context("a conversation nobody made")?;
                messages.insert(message.id, from);
            }
        }
        if world.below(4) == 0 {
            look(world, to, conversation).await?;
        }
    }
    let end_ms = (begun_ms + TALK_MS).max(world.now_ms());
    world.run_until(end_ms).await?;
    Ok(accepted)
}

async fn create(
    world: &mut World,
    from: Place,
    members: &[Place],
    name: Option<String>,
    accepted: &mut Accepted,
) -> Result<Option<ConversationId>> {
    let mut contacts = Vec::new();
    for member in members.iter().filter(|member| **member != from) {
        contacts.push(world.account(*member)?);
    }
    match world.command(from, Command::CreateConversation { contacts, name }).await? {
        Fate::Answered(Ok(Reply::Conversation(conversation))) => {
            accepted.entry(conversation.id).or_insert_with(|| (members.iter().copied().collect(), BTreeMap::new()));
            Ok(Some(conversation.id))
        }
        _ => Ok(None),
    }
}

async fn holds(world: &mut World, at: Place, id: ConversationId) -> Result<bool> {
    if !world.is_up(at) {
        return Ok(false);
    }
    let engine = world.engine(at)?;
    let me = engine.me();
    Ok(engine.reader().conversation(id, &me).await?.is_some())
}

async fn look(world: &mut World, at: Place, conversation: ConversationId) -> Result<()> {
    if !world.is_up(at) {
        return Ok(());
    }
    let transcript = transcript(world, at, conversation).await?;
    if let Some(last) = transcript.last() {
        world.command(at, Command::MarkSeen { conversation, up_to: last.id }).await?;
    }
    Ok(())
}

async fn transcript(
    world: &mut World,
    at: Place,
    conversation: ConversationId,
) -> Result<Vec<tidings_node::handle::Message>> {
    let engine = world.engine(at)?;
    let me = engine.me();
    let page = engine.reader().messages(conversation, PageAt::Newest, 500, &me).await?;
    Ok(page.map(|page| page.messages).unwrap_or_default())
}

async fn check(world: &mut World, accepted: &Accepted) -> Result<Report> {
    let mut report =
        Report { crashes: world.crashes, readable: world.readable, trace: world.trace(), ..Report::default() };
    for at in 0..world.nodes() {
        let unsettled = world.engine(at)?.unsettled().await?;
        report.undecryptable += unsettled.parked + unsettled.owed;
    }
    for (conversation, (members, messages)) in accepted {
        report.messages += messages.len() as u64;
        let mut orders = BTreeSet::new();
        let mut authenticators = BTreeSet::new();
        for at in members {
            let transcript = transcript(world, *at, *conversation).await?;
            let ids: Vec<MessageId> = transcript.iter().map(|message| message.id).collect();
            let distinct: BTreeSet<(String, bool)> = transcript.iter().map(|m| (m.text.clone(), m.mine)).collect();
            report.duplicated += (ids.len() - distinct.len()) as u64;
            report.lost += messages.keys().filter(|id| !ids.contains(id)).count() as u64;
            let proved = |state| matches!(state, MessageState::Delivered | MessageState::Seen);
            let unproved = transcript.iter().filter(|message| message.mine && !proved(message.state)).count();
            report.diverged += unproved as u64;
            orders.insert(ids);
            authenticators.insert(world.engine(*at)?.authenticator(*conversation).await?);
        }
        report.diverged += u64::from(orders.len() > 1) + u64::from(authenticators.len() > 1);
    }
    Ok(report)
}

fn place(number: u64) -> Result<Place> {
    Ok(Place::try_from(number)?)
}
