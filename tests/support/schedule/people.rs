//! What people do: they write, look, add, remove, leave, rename, give roles, invite and join.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{Conversation, Message, NewInvite, NewMessage, PageAt, PolicyPatch, Role, Standing};
use tidings_node::ids::{AccountId, ConversationId, MessageId};

use super::Size;
use crate::world::{Fate, Place, World};

/// The people of a schedule, and what their nodes accepted.
#[derive(Debug)]
pub(super) struct People {
    size: Size,
    group: Option<ConversationId>,
    /// What was accepted, by conversation.
    pub(super) accepted: BTreeMap<ConversationId, Accepted>,
    /// How many changes were.
    pub(super) changes: u64,
}

/// What was accepted in a conversation.
#[derive(Debug, Default)]
pub(super) struct Accepted {
    /// Who was in it when it began.
    pub(super) founders: BTreeSet<AccountId>,
    /// The messages, who wrote each, and who was a member for its author then.
    pub(super) messages: BTreeMap<MessageId, (AccountId, BTreeSet<AccountId>)>,
}

impl People {
    pub(super) fn new(size: Size) -> Self {
        Self { size, group: None, accepted: BTreeMap::new(), changes: 0 }
    }

    /// They are busy for so long.
    pub(super) async fn talk_over(&mut self, world: &mut World, span_ms: u64) -> Result<()> {
        let begun_ms = world.now_ms();
        let acts = self.size.messages() + self.size.changes();
        let everybody: Vec<Place> = (0..world.nodes()).collect();
        for number in 0..acts {
            let pause_ms = if world.below(3) == 0 { 5 } else { world.below(2 * span_ms / acts) };
            let at_ms = world.now_ms() + pause_ms;
            world.run_until(at_ms).await?;
            let from = place(world.below(world.nodes() as u64))?;
            if world.nodes() > 2 && self.group.is_none() {
                // One is left out at first, if there are enough: somebody to add and to invite.
                let founders = everybody.iter().copied().filter(|at| *at == from || world.nodes() < 4 || *at != 0);
                let founders: Vec<Place> = founders.collect();
                self.group = self.create(world, from, &founders, Some("All of us".to_owned())).await?;
            }
            if world.below(acts) < self.size.changes() {
                self.change(world, from, number).await?;
            } else {
                self.write(world, from, number).await?;
            }
        }
        let end_ms = (begun_ms + span_ms).max(world.now_ms());
        world.run_until(end_ms).await
    }

    async fn write(&mut self, world: &mut World, from: Place, number: u64) -> Result<()> {
        let nodes = world.nodes();
        let to = (from + 1 + place(world.below(nodes as u64 - 1))?) % nodes;
        let conversation = match self.group {
            Some(group) if world.below(4) != 0 => Some(group),
            _ => self.create(world, from, &[from, to], None).await?,
        };
        let Some(conversation) = conversation else { return Ok(()) };
        let Some(here) = view(world, from, conversation).await?.filter(|here| here.can_write) else { return Ok(()) };
        let text = format!("message {number} of {from}");
        let key = format!("{from}-{number}");
        let new = NewMessage { conversation, text, reply_to: None, idempotency_key: Some(key) };
        let audience: BTreeSet<AccountId> = here.members.iter().map(|member| member.account).collect();
        let author = world.account(from)?;
        // A client that got no answer asks again, with the same key: it must still be one message.
        for _ in 0..2 {
            if let Fate::Answered(Ok(Reply::Message(message))) = world.command(from, Command::Send(new.clone())).await?
            {
                let accepted = self.accepted.get_mut(&conversation).context("a conversation nobody made")?;
                accepted.messages.insert(message.id, (author, audience.clone()));
            }
        }
        if world.below(4) == 0 {
            look(world, to, conversation).await?;
        }
        Ok(())
    }

    /// Somebody changes the group; in one case of three, somebody else does so too before either can know.
    async fn change(&mut self, world: &mut World, from: Place, number: u64) -> Result<()> {
        self.change_once(world, from, number).await?;
        if world.below(3) == 0 {
            let other = (from + 1) % world.nodes();
            self.change_once(world, other, number).await?;
        }
        Ok(())
    }

    async fn change_once(&mut self, world: &mut World, from: Place, number: u64) -> Result<()> {
        let Some(conversation) = self.group else { return Ok(()) };
        let Some(here) = view(world, from, conversation).await? else { return Ok(()) };
        if here.standing != Standing::Member {
            return Ok(());
        }
        let me = world.account(from)?;
        let other = place(world.below(world.nodes() as u64))?;
        let other = world.account(other)?;
        let is_in = here.members.iter().any(|member| member.account == other);
        let command = match world.below(10) {
            0..=2 if !is_in => Command::AddMembers { conversation, accounts: vec![other] },
            0..=1 if other != me && here.members.len() > 2 => {
                Command::RemoveMembers { conversation, accounts: vec![other] }
            }
            2 if here.members.len() > 3 => Command::Leave(conversation),
            3..=5 if is_in && other != me => {
                let roles = [Role::Owner, Role::Admin, Role::Member, Role::Admin];
                let role = roles.get(place(world.below(4))?).copied().unwrap_or(Role::Member);
                Command::SetRole { conversation, account: other, role }
            }
            6..=7 if !is_in => return self.invite(world, from, other, conversation).await,
            _ => {
                let patch = PolicyPatch { name: Some(format!("Name {number}")), ..PolicyPatch::default() };
                Command::SetPolicy { conversation, patch }
            }
        };
        if let Fate::Answered(Ok(_)) = world.command(from, command).await? {
            self.changes += 1;
        }
        Ok(())
    }

    /// A link is made here and followed there.
    async fn invite(
        &mut self,
        world: &mut World,
        from: Place,
        guest: AccountId,
        conversation: ConversationId,
    ) -> Result<()> {
        let new = NewInvite::default();
        let made = world.command(from, Command::CreateInvite { conversation, new }).await?;
        let Fate::Answered(Ok(Reply::Invite(invite))) = made else { return Ok(()) };
        let (Some(link), mut to) = (invite.link, None) else { return Ok(()) };
        for at in 0..world.nodes() {
            to = to.or((world.account(at)? == guest).then_some(at));
        }
        let after_ms = world.now_ms() + world.below(3_000);
        world.run_until(after_ms).await?;
        if let Fate::Answered(Ok(_)) = world.command(to.context("a guest of this world")?, Command::Join(link)).await? {
            self.changes += 1;
        }
        Ok(())
    }

    async fn create(
        &mut self,
        world: &mut World,
        from: Place,
        members: &[Place],
        name: Option<String>,
    ) -> Result<Option<ConversationId>> {
        let mut contacts = Vec::new();
        for member in members.iter().filter(|member| **member != from) {
            contacts.push(world.account(*member)?);
        }
        let founders = contacts.iter().copied().chain([world.account(from)?]).collect();
        match world.command(from, Command::CreateConversation { contacts, name }).await? {
            Fate::Answered(Ok(Reply::Conversation(conversation))) => {
                let accepted = || Accepted { founders, messages: BTreeMap::new() };
                self.accepted.entry(conversation.id).or_insert_with(accepted);
                Ok(Some(conversation.id))
            }
            _ => Ok(None),
        }
    }
}

/// A conversation as a node that is up shows it.
pub(super) async fn view(world: &mut World, at: Place, id: ConversationId) -> Result<Option<Conversation>> {
    if !world.is_up(at) {
        return Ok(None);
    }
    let engine = world.engine(at)?;
    let me = engine.me();
    Ok(engine.reader().conversation(id, &me).await?)
}

/// The transcript as a node shows it.
pub(super) async fn transcript(world: &mut World, at: Place, conversation: ConversationId) -> Result<Vec<Message>> {
    let engine = world.engine(at)?;
    let me = engine.me();
    let page = engine.reader().messages(conversation, PageAt::Newest, 500, &me).await?;
    Ok(page.map(|page| page.messages).unwrap_or_default())
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

fn place(number: u64) -> Result<Place> {
    Ok(Place::try_from(number)?)
}
