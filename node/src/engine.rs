//! The engine: inputs in, one transaction, effects out (docs/ARCHITECTURE.md).
//!
//! It touches no socket and no clock: `now_ms` and the random numbers are arguments. An effect leaves only after the
//! transaction that decided it is durable, and whatever is lost after that is derived again from the database: what is
//! owed stands in the outbox, a receipt that is owed is marked so, a topic follows from its group.

pub(crate) mod batch;
pub mod bundles;
mod checkup;
pub(crate) mod door;
mod full;
pub mod identities;
pub(crate) mod packages;
mod people;
pub(crate) mod pushes;
mod state;
pub(crate) mod steady;
pub(crate) mod strangers;
mod sync;
pub(crate) mod tokens;
pub(crate) mod topics;
mod waiting;

use rand_chacha::ChaCha20Rng;
use tidings_crypto::identity::LocalNode;
use tidings_crypto::proof::ProofId;

use self::batch::{Batch, Halt};
use self::bundles::{BundlePlace, BundleScope, Packed, ParcelFate};
use self::full::{Full, Outside};
use self::identities::{IdentityCommand, SignInBeginning};
pub(crate) use self::pushes::Asked;
pub(crate) use self::state::{LoadedGroup, MISSING_A_CONVERSATION_MAX, MISSING_PARENTS_MAX, State};
use crate::event::Event;
use crate::handle::{
    CardLinks, Checkup, Contact, Conversation, GroupDetail, InviteView, MadeToken, Mailbox, Message, NewInvite,
    NewMessage, NewSession, NewToken, Picture, PolicyPatch, Refused, Role, StorageLimits,
};
use crate::ids::{AccountId, Address, ConversationId, InviteId, MessageId, PeerKey, SessionId, TokenId};
pub use crate::mailbox::own::MailboxOf;
use crate::network::{NetworkCommand, NetworkEvent};
use crate::store::{Store, StoreError};

/// Names a command until its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// Somebody at the page, the API or the command line wants something; answered by [`Effect::Reply`].
    Command {
        /// Names the reply.
        ticket: Ticket,
        /// What they want.
        command: Command,
    },
    /// Something happened on the swarm.
    Network(NetworkEvent),
    /// This node can be reached at other addresses than before.
    Addresses(Vec<Address>),
    /// Whether this node keeps envelopes for others.
    ServeMailboxes(bool),
    /// Time passed: do what is due.
    Deadline,
    /// The clock was wrong and was set back: what is due by the wrong time is due by the right one.
    ClockSetBack,
}

/// What a person wants of the node.
#[derive(Debug)]
pub enum Command {
    /// My contact links.
    Card,
    /// Change my name.
    SetName(String),
    /// Add a person by either form of their link.
    AddContact(String),
    /// Start a conversation.
    CreateConversation {
        /// With whom.
        contacts: Vec<AccountId>,
        /// A group's name.
        name: Option<String>,
    },
    /// Everything about a group.
    Group(ConversationId),
    /// A group's picture.
    Picture(ConversationId),
    /// Add people to a group.
    AddMembers {
        /// Which group.
        conversation: ConversationId,
        /// Whom.
        accounts: Vec<AccountId>,
    },
    /// Remove people from a group.
    RemoveMembers {
        /// Which group.
        conversation: ConversationId,
        /// Whom.
        accounts: Vec<AccountId>,
    },
    /// Leave a group.
    Leave(ConversationId),
    /// Say what a member may do.
    SetRole {
        /// Which group.
        conversation: ConversationId,
        /// Who.
        account: AccountId,
        /// What they may do.
        role: Role,
    },
    /// Change what a group is called, shows and allows.
    SetPolicy {
        /// Which group.
        conversation: ConversationId,
        /// What to change.
        patch: PolicyPatch,
    },
    /// Make an invite link.
    CreateInvite {
        /// Which group.
        conversation: ConversationId,
        /// What it allows.
        new: NewInvite,
    },
    /// Make an invite worthless.
    RevokeInvite {
        /// Which group.
        conversation: ConversationId,
        /// Which invite.
        invite: InviteId,
    },
    /// Join a group by a link.
    Join(String),
    /// Decide whether somebody may join.
    Decide {
        /// Which group.
        conversation: ConversationId,
        /// Who asked.
        account: AccountId,
        /// Whether they may.
        accept: bool,
    },
    /// Send a message.
    Send(NewMessage),
    /// I looked at everything up to this message.
    MarkSeen {
        /// In this conversation.
        conversation: ConversationId,
        /// Up to this message.
        up_to: MessageId,
    },
    /// Open what a stranger began.
    AcceptRequest(ConversationId),
    /// Refuse what a stranger began.
    RefuseRequest(ConversationId),
    /// Want nothing more of somebody.
    Block(AccountId),
    /// Take that back.
    Unblock(AccountId),
    /// The safety number with a contact was compared in person, or is taken to be not.
    Verify {
        /// With whom.
        account: AccountId,
        /// The number that both saw; `None` takes the mark away.
        safety_number: Option<String>,
    },
    /// Use a mailbox.
    UseMailbox(MailboxOf),
    /// Find out how things stand with the others: what is known so far is answered at once.
    CheckUp {
        /// Whether to begin anew.
        begin: bool,
        /// The relays at which this node has a place, and where it is reached by each: the loop fills it in.
        places: Vec<(PeerKey, Vec<Address>)>,
    },
    /// Have each mailbox of this node take a test envelope and give it back.
    ProveMailboxes,
    /// Use a mailbox no longer.
    DropMailbox(PeerKey),
    /// The link by which others use this node's mailbox.
    MailboxLink,
    /// Say what this node may keep, and for how long.
    SetStorage(StorageLimits),
    /// What a backup needs besides the database.
    Secrets,
    /// Make the next part of a bundle.
    PackBundle {
        /// For whom.
        scope: BundleScope,
        /// How far it is.
        at: BundlePlace,
    },
    /// Take parcels of a bundle, [`bundles::PARCELS_AT_ONCE`] at the most.
    UnpackBundle(Vec<Vec<u8>>),
    /// Make a one-time sign-in token.
    CreateSignIn,
    /// Trade a one-time token for a session.
    SignIn {
        /// The token.
        token: zeroize::Zeroizing<String>,
        /// What the browser calls itself.
        user_agent: String,
    },
    /// Something about who people are elsewhere.
    Identity(IdentityCommand),
    /// A session was used.
    TouchSession(SessionId),
    /// Sign a browser out.
    RevokeSession(SessionId),
    /// Make, use or end an API token.
    Token(TokenCommand),
}

/// What is done with API tokens.
#[derive(Debug)]
pub enum TokenCommand {
    /// Make one.
    Create(NewToken),
    /// One was used.
    Touch(TokenId),
    /// End one.
    Revoke(TokenId),
}

/// What a command came to.
#[derive(Debug)]
pub enum Reply {
    /// It is done.
    Done,
    /// My contact links.
    Card(CardLinks),
    /// The contact as it is now.
    Contact(Contact),
    /// The conversation as it is now.
    Conversation(Conversation),
    /// The group as it is now.
    Group(Box<GroupDetail>),
    /// The group's picture.
    Picture(Option<Picture>),
    /// The invite as it is now.
    Invite(InviteView),
    /// The message as it is now.
    Message(Message),
    /// How things stand with the others, as far as it is known.
    Checkup(Box<Checkup>),
    /// A mailbox that is used now.
    Mailbox(Mailbox),
    /// The link to this node's mailbox.
    MailboxLink(zeroize::Zeroizing<String>),
    /// This node's secrets, encoded.
    Secrets(zeroize::Zeroizing<Vec<u8>>),
    /// A part of a bundle.
    Packed(Packed),
    /// What became of each parcel.
    Unpacked(Vec<ParcelFate>),
    /// A one-time token.
    Token(zeroize::Zeroizing<String>),
    /// A fresh session.
    Session(NewSession),
    /// What a sign-in elsewhere begins with.
    SignInBeginning(Box<SignInBeginning>),
    /// The subject of the mail that proves an address.
    MailSubject(String),
    /// A proof of mine that is shown now.
    Proof(ProofId),
    /// A fresh API token.
    ApiToken(Box<MadeToken>),
}

/// Something must be done. The transaction that decided it is durable.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a batch has few effects, and each is moved once")]
pub enum Effect {
    /// Answer a command.
    Reply {
        /// Which.
        ticket: Ticket,
        /// With what.
        reply: Result<Reply, Refused>,
    },
    /// Ask something of the swarm.
    Network(NetworkCommand),
}

/// What a batch of inputs came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What must be done, in this order.
    pub effects: Vec<Effect>,
    /// What a person may notice.
    pub events: Vec<Event>,
    /// Conversations whose summary changed.
    pub touched: Vec<ConversationId>,
    /// When to send [`Input::Deadline`] next.
    pub wake_at_ms: Option<u64>,
}

/// What has not come to rest in a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled {
    /// Envelopes that wait for an epoch that is not known.
    pub parked: u64,
    /// Envelopes that some node is owed.
    pub owed: u64,
}

/// A node's whole state, behind one verb.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    /// As the vault says; what was renewed since stands in the database.
    me: Box<LocalNode>,
    state: State,
    outside: Box<Outside>,
    /// Since nothing could be written for want of room: what is in memory is as it was read, and not taken up yet.
    full: Option<Full>,
}

impl Engine {
    /// Takes up where the database stands: the outcome subscribes, dials, and sends what is owed.
    ///
    /// `name` is used at the first run only.
    pub async fn open(
        mut store: Store,
        me: LocalNode,
        name: &str,
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<(Self, Outcome), StoreError> {
        let mut tx = store.begin().await?;
        let mut batch = Batch::new(&mut tx, now_ms, rng);
        let state = State::load(me.clone(), name, &mut batch).await?;
        tx.commit().await?;
        let mut engine = Self { store, me: Box::new(me), state, outside: Box::default(), full: None };
        let outcome = Box::pin(engine.begin(now_ms, rng)).await?;
        Ok((engine, outcome))
    }

    /// Decides these inputs in one transaction. On a full disk all that writes is refused and nothing is changed; it is
    /// tried again with later inputs.
    ///
    /// On an error nothing was committed and this engine must not be used again: open a new one on [`Self::into_store`].
    pub async fn handle(
        &mut self,
        inputs: Vec<Input>,
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Result<Outcome, StoreError> {
        Box::pin(self.handle_or_refuse(inputs, now_ms, rng)).await
    }

    async fn decide(&mut self, inputs: Vec<Input>, now_ms: u64, rng: &mut ChaCha20Rng) -> Result<Outcome, StoreError> {
        let mut tx = self.store.begin().await?;
        let mut batch = Batch::new(&mut tx, now_ms, rng);
        self.state.clock.look(&mut batch);
        if self.full.is_some() {
            Box::pin(full::resume(&mut self.state, &self.outside, &mut batch)).await?;
        }
        batch.look_up_envelopes(&inputs).await?;
        for input in inputs {
            self.state.apply(&mut batch, input).await?;
        }
        self.state.finish(&mut batch).await?;
        let outcome = batch.into_outcome(&self.state);
        let forgot = tx.forgets();
        tx.commit().await?;
        Ok(self.committed(outcome, now_ms, forgot).await)
    }

    /// What was forgotten leaves the file, too.
    async fn committed(&mut self, outcome: Outcome, now_ms: u64, forgot: bool) -> Outcome {
        self.store.erase(now_ms, forgot).await;
        let wake_at_ms = outcome.wake_at_ms.into_iter().chain(self.store.erase_due_at_ms()).min();
        Outcome { wake_at_ms, ..outcome }
    }

    /// Who the owner is, and under which name.
    pub fn me(&self) -> crate::store::Me {
        crate::store::Me { account: self.state.me.account_id(), name: self.state.profile.name.clone() }
    }

    /// The connected peers.
    pub fn peers(&self) -> Vec<crate::handle::Peer> {
        self.state.peers()
    }

    /// What all members of a conversation's group agree on if nothing diverged: the head epoch's authenticator
    /// (RFC 9420 §8.7). For the simulator's checkers.
    pub async fn authenticator(&mut self, conversation: ConversationId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.store.begin().await?;
        self.state.authenticator(&mut tx, conversation).await
    }

    /// What has not come to rest. For the simulator's checkers.
    pub async fn unsettled(&mut self) -> Result<Unsettled, StoreError> {
        self.store.begin().await?.unsettled().await
    }

    /// Where this node stands in each group it has open, in words that fit a line: for whoever hunts a seed of the simulator.
    pub fn standings(&self) -> Vec<String> {
        let told = self.state.groups.iter().map(|(id, loaded)| {
            let (tree, members) = (loaded.group.tree(), loaded.group.members());
            let members: Vec<AccountId> = members.iter().map(|member| member.account).collect();
            let (standing, goal, path) = (tree.standing(), tree.goal(), tree.path(tree.head()));
            format!("{id:?} {standing:?} goal {goal:?} on {path:?} with {members:?}")
        });
        told.collect()
    }

    /// Gives the store back, for another engine.
    pub fn into_store(self) -> Store {
        self.store
    }

    /// What reads go through.
    pub fn reader(&self) -> crate::store::Reader {
        self.store.reader()
    }
}

impl State {
    async fn apply(&mut self, batch: &mut Batch<'_, '_>, input: Input) -> Result<(), StoreError> {
        match input {
            Input::Command { ticket, command } => {
                let Some(command) = Box::pin(self.let_wait(batch, ticket, command)).await? else { return Ok(()) };
                let reply = match self.command(batch, command).await {
                    Ok(reply) => Ok(reply),
                    Err(Halt::Refused(refused)) => Err(refused),
                    Err(Halt::Store(error)) => return Err(error),
                };
                batch.effects.push(Effect::Reply { ticket, reply });
                Ok(())
            }
            Input::Network(event) => self.network(batch, event).await,
            Input::Addresses(addresses) => self.set_addresses(batch, addresses).await,
            Input::ServeMailboxes(serves) => self.serve_mailboxes(batch, serves).await,
            Input::Deadline => self.deadline(batch).await,
            Input::ClockSetBack => self.set_clock_back(batch).await,
        }
    }

    async fn command(&mut self, batch: &mut Batch<'_, '_>, command: Command) -> Result<Reply, Halt> {
        let group = |detail| Reply::Group(Box::new(detail));
        self.check_shown(&command)?;
        match command {
            Command::Card => Ok(Reply::Card(self.card_links())),
            Command::SetName(name) => self.set_name(batch, name).await.map(|()| Reply::Done),
            Command::AddContact(link) => self.add_contact(batch, &link).await.map(Reply::Contact),
            Command::CreateConversation { contacts, name } => {
                self.create_conversation(batch, &contacts, name).await.map(Reply::Conversation)
            }
            Command::Group(id) => self.group_detail(batch, id).await.map(group),
            Command::Picture(id) => self.picture(batch, id).await.map(Reply::Picture),
            Command::AddMembers { conversation, accounts } => {
                self.add_members(batch, conversation, accounts).await.map(group)
            }
            Command::RemoveMembers { conversation, accounts } => {
                self.remove_members(batch, conversation, accounts).await.map(group)
            }
            Command::Leave(id) => self.leave(batch, id).await.map(Reply::Conversation),
            Command::SetRole { conversation, account, role } => {
                self.set_role(batch, conversation, account, role).await.map(group)
            }
            Command::SetPolicy { conversation, patch } => self.set_policy(batch, conversation, patch).await.map(group),
            Command::CreateInvite { conversation, new } => {
                self.create_invite(batch, conversation, new).await.map(Reply::Invite)
            }
            Command::RevokeInvite { conversation, invite } => {
                self.revoke_invite(batch, conversation, invite).await.map(group)
            }
            Command::Join(link) => self.join(batch, &link).await.map(Reply::Conversation),
            Command::Decide { conversation, account, accept } => {
                self.decide(batch, conversation, account, accept).await.map(group)
            }
            Command::Send(message) => self.send(batch, message).await.map(Reply::Message),
            Command::MarkSeen { conversation, up_to } => {
                self.mark_seen(batch, conversation, up_to).await.map(|()| Reply::Done)
            }
            Command::AcceptRequest(id) => Box::pin(self.accept_request(batch, id)).await.map(Reply::Conversation),
            Command::RefuseRequest(id) => Box::pin(self.refuse_request(batch, id)).await.map(|()| Reply::Done),
            Command::Block(account) => Box::pin(self.block(batch, account)).await.map(|()| Reply::Done),
            Command::Unblock(account) => self.unblock(batch, account).await.map(|()| Reply::Done),
            Command::Verify { account, safety_number } => {
                self.verify(batch, account, safety_number).await.map(Reply::Contact)
            }
            Command::CheckUp { begin, places } => {
                if begin {
                    self.begin_checkup(batch, places);
                }
                Ok(Reply::Checkup(Box::new(self.checkup(batch).await?)))
            }
            Command::ProveMailboxes => {
                self.prove_mailboxes(batch);
                Ok(Reply::Done)
            }
            Command::UseMailbox(of) => self.use_mailbox(batch, of).await.map(Reply::Mailbox),
            Command::DropMailbox(peer) => self.drop_mailbox(batch, peer).await.map(|()| Reply::Done),
            Command::MailboxLink => Ok(Reply::MailboxLink(self.mailbox_link()?)),
            Command::Secrets => Ok(Reply::Secrets(batch.tx.secrets(&self.me))),
            Command::SetStorage(limits) => self.set_storage(batch, limits).await.map(|()| Reply::Done),
            Command::PackBundle { scope, at } => Box::pin(self.pack_bundle(batch, &scope, at)).await.map(Reply::Packed),
            Command::UnpackBundle(parcels) => Ok(Reply::Unpacked(Box::pin(self.unpack_bundle(batch, &parcels)).await?)),
            Command::Identity(command) => Box::pin(self.identity_command(batch, command)).await,
            Command::CreateSignIn => door::create_sign_in(batch).await.map(Reply::Token),
            Command::SignIn { token, user_agent } => {
                door::sign_in(batch, &token, &user_agent).await.map(Reply::Session)
            }
            Command::TouchSession(id) => door::touch(batch, id).await.map(|()| Reply::Done),
            Command::RevokeSession(id) => door::revoke(batch, id).await.map(|()| Reply::Done),
            Command::Token(command) => Box::pin(tokens::command(batch, command)).await,
        }
    }

    async fn network(&mut self, batch: &mut Batch<'_, '_>, event: NetworkEvent) -> Result<(), StoreError> {
        match event {
            NetworkEvent::AddressesChanged => Ok(()), // The loop reads the addresses and sends `Input::Addresses`.
            NetworkEvent::Connected { peer, path } => {
                self.connected(batch, peer, path);
                self.host_appeared(batch, peer).await?;
                self.ask_for_packages(batch, peer).await?;
                Box::pin(self.ask_for_proofs(batch, peer)).await?;
                self.ask_for_fellows(batch, peer).await
            }
            NetworkEvent::Disconnected { peer } => {
                self.disconnected(batch, peer);
                Ok(())
            }
            NetworkEvent::Gossip { message, bytes, from, .. } => {
                let verdict = self.receive(batch, &bytes, from).await?.for_gossip();
                batch.network(NetworkCommand::Verdict { message, verdict });
                Ok(())
            }
            NetworkEvent::Published { publication, outcome } => self.published(batch, publication, outcome).await,
            NetworkEvent::SlowPeer { peer } => {
                self.look_at(peer);
                Ok(())
            }
            NetworkEvent::Requested { peer, answer, body } => {
                let body = self.answer(batch, peer, body).await?;
                batch.network(NetworkCommand::Answer { answer, body });
                Ok(())
            }
            NetworkEvent::Answered { peer, request, outcome } => self.answered(batch, peer, request, outcome).await,
        }
    }

    /// What a batch ends with: receipts, what is owed to connected peers, and what was changed in memory.
    async fn finish(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        Box::pin(self.end_waiting(batch)).await?;
        self.follow_heads(batch).await?;
        self.try_kept_welcomes(batch).await?;
        self.follow_heads(batch).await?; // A Welcome may have led somewhere else.
        self.send_again_due(batch).await?;
        self.say_requests_again(batch).await?;
        self.ask_ways_in(batch).await?;
        self.send_due_receipts(batch).await?;
        self.save_conversations(batch).await?;
        self.clock.keep(batch).await?;
        batch.tx.flush().await?;
        self.announce(batch).await?;
        if self.partners.due_ms(self.sets.version()).is_some_and(|due_ms| due_ms <= batch.now_ms) {
            Box::pin(self.sync_due(batch)).await?;
        }
        self.push_due(batch).await?;
        Box::pin(self.collect_due(batch)).await?;
        Box::pin(self.deposit_due(batch)).await?;
        self.tell_of_deposits(batch);
        self.hide_requests(batch);
        self.unload_idle();
        Ok(())
    }
}
