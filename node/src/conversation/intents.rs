//! What the owner of this node wants of a group, until it is certain (PROTOCOL §6.9).
//!
//! A change is committed at once on the head; there is nobody to ask. If the commit's branch loses, the change is made
//! again on the new head after a short random pause, unless the winner did it already or contradicts it. Everything
//! stands in the database with the commit that it made, so a crash loses no wish and makes none twice.

use rand_core::Rng;
use tidings_crypto::codec::{Malformed, Reader, Writer};
use tidings_crypto::envelope::EpochId;
use tidings_crypto::group::{CommitError, Evidence, GroupId, Invite, InviteId, LeaveStatement, Policy, Suite};
use tidings_crypto::identity::{NodeId, SignaturePublic};

use super::commits::Wanted;
use crate::engine::State;
use crate::engine::batch::Batch;
use crate::handle::{History, Role, Who, role_from_number, role_number};
use crate::ids::AccountId;
use crate::store::{IntentRow, StoreError};

/// A change that could not be made (again) for this long is given up, and its author is told. One that is on the way to
/// the head is kept until the tree makes it certain, however long that takes.
const TRIED_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// What was given up is told for this long.
const TOLD_MS: u64 = 24 * 60 * 60 * 1_000;
/// After a lost fork a change is made again within this time, so that not everybody commits at once. A guess …
const PAUSE_MS: (u64, u64) = (300, 2_000);
/// … and this much longer for each member.
const PAUSE_PER_MEMBER_MS: u64 = 10;
/// A change that cannot be made now, though nothing forbids it, is tried again after this long.
const RETRY_MS: u64 = 60_000;
/// So many changes of one group may be under way: the owner's, and as many that nobody asked for.
const INTENTS_MAX: usize = 256;

/// Why a change was not made again.
const GAVE_WAY: &str = "somebody else changed the same thing at the same time";

const VERSION: u8 = 1;
const ACCOUNTS_MAX: usize = 1_024;
const TEXT_BYTES_MAX: usize = 64 * 1024;
const NODES_MAX: usize = 64;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// These accounts are members.
    Add(Vec<AccountId>),
    /// These are not.
    Remove(Vec<AccountId>),
    /// This account has this role; it had the other when it was wanted.
    Role(AccountId, Role, Role),
    /// The name, topic, picture and settings, each with what it was when it was wanted.
    Patch(Vec<Field>),
    /// This invite exists.
    MakeInvite(Invite),
    /// This one does not.
    RevokeInvite(InviteId),
    /// Somebody left: they are no member.
    LetGo(LeaveStatement),
    /// These nodes' certificates have run out.
    Ended(Vec<NodeId>),
    /// Whoever made this request is a member.
    LetIn(Vec<u8>),
    /// This node's keys are fresh.
    Update,
}

/// A field of the policy: what it was, and what it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    Name(String, String),
    Topic(String, String),
    /// The picture it was by its hash.
    Picture([u8; 32], Vec<u8>),
    History(History, History),
    Disappearing(u32, u32),
    MayInvite(Who, Who),
    MayEdit(Who, Who),
}

/// What is to be done for an intent on some head.
#[derive(Debug)]
pub(crate) enum Plan {
    /// It is so already.
    Done,
    /// The head contradicts it, in a sentence.
    Dropped(String),
    /// This has to be committed.
    Commit(Box<Wanted>),
    /// Not now.
    Later,
}

impl Intent {
    /// Whether a person asked for it, and has to be told what became of it.
    pub(crate) fn is_wish(&self) -> bool {
        !matches!(self, Self::LetGo(_) | Self::Ended(_) | Self::Update)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(VERSION);
        match self {
            Self::Add(accounts) => write_accounts(writer.u8(1), accounts),
            Self::Remove(accounts) => write_accounts(writer.u8(2), accounts),
            Self::Role(account, from, to) => {
                writer.u8(3).array(&account.0).u8(role_number(*from)).u8(role_number(*to));
            }
            Self::Patch(fields) => {
                writer.u8(4).count(fields.len());
                for field in fields {
                    field.write(&mut writer);
                }
            }
            Self::MakeInvite(invite) => {
                writer.u8(5).array(&invite.key.0).array(&invite.creator.0).u64(invite.expires_at_ms);
                writer.u8(u8::from(invite.uses.is_some())).u16(invite.uses.unwrap_or(0));
                writer.u8(role_number(invite.role)).u8(u8::from(invite.approval));
            }
            Self::RevokeInvite(id) => {
                writer.u8(6).array(&id.0);
            }
            Self::LetGo(statement) => {
                writer.u8(7).bytes(&statement.encode());
            }
            Self::Ended(nodes) => {
                writer.u8(8).count(nodes.len());
                for node in nodes {
                    writer.array(&node.0);
                }
            }
            Self::LetIn(request) => {
                writer.u8(9).bytes(request);
            }
            Self::Update => {
                writer.u8(10);
            }
        }
        writer.into_bytes()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let invalid = || Malformed::Invalid { what: "intent" };
        let role = |reader: &mut Reader<'_>| role_from_number(reader.u8()?).ok_or_else(invalid);
        let intent = match reader.u8()? {
            1 => Self::Add(read_accounts(&mut reader)?),
            2 => Self::Remove(read_accounts(&mut reader)?),
            3 => Self::Role(AccountId(reader.array()?), role(&mut reader)?, role(&mut reader)?),
            4 => {
                let count = reader.count("fields", NODES_MAX)?;
                Self::Patch((0..count).map(|_| Field::read(&mut reader)).collect::<Result<_, _>>()?)
            }
            5 => {
                let (key, creator) = (SignaturePublic(reader.array()?), AccountId(reader.array()?));
                let expires_at_ms = reader.u64()?;
                let (limited, uses) = (reader.u8()? == 1, reader.u16()?);
                let (role, approval) = (role(&mut reader)?, reader.u8()? == 1);
                let uses = limited.then_some(uses);
                Self::MakeInvite(Invite { key, creator, expires_at_ms, uses, role, approval })
            }
            6 => Self::RevokeInvite(InviteId(reader.array()?)),
            7 => Self::LetGo(LeaveStatement::decode(reader.bytes("statement", TEXT_BYTES_MAX)?)?),
            8 => {
                let count = reader.count("nodes", NODES_MAX)?;
                Self::Ended((0..count).map(|_| Ok(NodeId(reader.array()?))).collect::<Result<_, Malformed>>()?)
            }
            9 => Self::LetIn(reader.bytes("request", TEXT_BYTES_MAX)?.to_vec()),
            10 => Self::Update,
            _ => return Err(invalid()),
        };
        reader.finish()?;
        Ok(intent)
    }
}

fn write_accounts(writer: &mut Writer, accounts: &[AccountId]) {
    writer.count(accounts.len());
    for account in accounts {
        writer.array(&account.0);
    }
}

fn read_accounts(reader: &mut Reader<'_>) -> Result<Vec<AccountId>, Malformed> {
    let count = reader.count("accounts", ACCOUNTS_MAX)?;
    (0..count).map(|_| Ok(AccountId(reader.array()?))).collect()
}

impl Field {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Name(from, to) => writer.u8(1).bytes(from.as_bytes()).bytes(to.as_bytes()),
            Self::Topic(from, to) => writer.u8(2).bytes(from.as_bytes()).bytes(to.as_bytes()),
            Self::Picture(from, to) => writer.u8(3).array(from).bytes(to),
            Self::History(from, to) => write_history(write_history(writer.u8(4), *from), *to),
            Self::Disappearing(from, to) => writer.u8(5).u32(*from).u32(*to),
            Self::MayInvite(from, to) => writer.u8(6).u8(who_number(*from)).u8(who_number(*to)),
            Self::MayEdit(from, to) => writer.u8(7).u8(who_number(*from)).u8(who_number(*to)),
        };
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let text = |reader: &mut Reader<'_>| Ok::<_, Malformed>(reader.text("text", TEXT_BYTES_MAX)?.to_owned());
        let who =
            |reader: &mut Reader<'_>| Ok::<_, Malformed>(if reader.u8()? == 1 { Who::Admins } else { Who::Everybody });
        Ok(match reader.u8()? {
            1 => Self::Name(text(reader)?, text(reader)?),
            2 => Self::Topic(text(reader)?, text(reader)?),
            3 => Self::Picture(reader.array()?, reader.bytes("picture", TEXT_BYTES_MAX)?.to_vec()),
            4 => Self::History(read_history(reader)?, read_history(reader)?),
            5 => Self::Disappearing(reader.u32()?, reader.u32()?),
            6 => Self::MayInvite(who(reader)?, who(reader)?),
            7 => Self::MayEdit(who(reader)?, who(reader)?),
            _ => return Err(Malformed::Invalid { what: "field" }),
        })
    }

    /// Puts the field into a policy; why not, if somebody else changed the same field meanwhile.
    pub(crate) fn apply(&self, policy: &mut Policy) -> Result<(), String> {
        fn set<T: PartialEq + Clone>(slot: &mut T, from: &T, to: &T) -> bool {
            let stays = slot != to && slot != from;
            if !stays {
                slot.clone_from(to);
            }
            !stays
        }
        let done = match self {
            Self::Name(from, to) => set(&mut policy.name, from, to),
            Self::Topic(from, to) => set(&mut policy.topic, from, to),
            Self::Picture(from, to) => {
                let stays = policy.picture != *to && picture_hash(&policy.picture) != *from;
                if !stays {
                    policy.picture.clone_from(to);
                }
                !stays
            }
            Self::History(from, to) => set(&mut policy.history, from, to),
            Self::Disappearing(from, to) => set(&mut policy.disappearing_s, from, to),
            Self::MayInvite(from, to) => set(&mut policy.may_invite, from, to),
            Self::MayEdit(from, to) => set(&mut policy.may_edit, from, to),
        };
        if done { Ok(()) } else { Err(GAVE_WAY.to_owned()) }
    }

    /// Which field it is, in words.
    fn what(&self) -> &'static str {
        match self {
            Self::Name(..) => "the name",
            Self::Topic(..) => "the topic",
            Self::Picture(..) => "the picture",
            Self::History(..) => "what new members see",
            Self::Disappearing(..) => "when messages disappear",
            Self::MayInvite(..) => "who may add people",
            Self::MayEdit(..) => "who may change name and picture",
        }
    }
}

/// Whether an epoch is the tree's root, or lies above it on the way that led to the head before.
fn is_certain(walked: &[EpochId], epoch: EpochId, root: EpochId) -> bool {
    let at = |wanted: EpochId| walked.iter().position(|known| *known == wanted);
    epoch == root || at(epoch).zip(at(root)).is_some_and(|(epoch, root)| epoch < root)
}

/// A picture's hash; that of no picture is of no bytes.
pub(crate) fn picture_hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn who_number(who: Who) -> u8 {
    u8::from(who == Who::Admins)
}

fn write_history(writer: &mut Writer, history: History) -> &mut Writer {
    match history {
        History::Nothing => writer.u8(0).u16(0),
        History::Days(days) => writer.u8(1).u16(days),
        History::Everything => writer.u8(2).u16(0),
    }
}

fn read_history(reader: &mut Reader<'_>) -> Result<History, Malformed> {
    match (reader.u8()?, reader.u16()?) {
        (0, _) => Ok(History::Nothing),
        (1, days) => Ok(History::Days(days)),
        (2, _) => Ok(History::Everything),
        _ => Err(Malformed::Invalid { what: "history" }),
    }
}

/// What became of the try to make an intent.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It was so already.
    Done,
    /// It is committed, and the commit made this epoch.
    Committed(EpochId),
    /// The head contradicts it.
    Dropped(String),
    /// Somebody has to do something first.
    Later,
    /// MLS or the policy does not allow it.
    Failed(CommitError),
}

impl State {
    /// Wants something: it is committed at once on the head, and kept until it is certain.
    pub(crate) async fn want(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<Tried, StoreError> {
        let tried = self.try_intent(batch, group, intent).await?;
        if let Tried::Committed(epoch) = &tried {
            let mut row = IntentRow {
                id: 0,
                group,
                made_at_ms: batch.now_ms,
                body: intent.encode(),
                epoch: Some(*epoch),
                due_ms: None,
                dropped: String::new(),
            };
            row.id = batch.tx.put_intent(&row).await?;
            self.intents.push(row);
            self.note_walk(group);
        }
        Ok(tried)
    }

    /// Wants something after a short random pause, if it is still needed then: others may want the same.
    pub(crate) async fn want_soon(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<(), StoreError> {
        let body = intent.encode();
        let is_there = self.intents.iter().any(|row| row.group == group && row.body == body);
        if is_there || self.has_room_for(group, intent).is_err() {
            return Ok(());
        }
        let due_ms = Some(self.pause_until_ms(batch, group));
        let made_at_ms = batch.now_ms;
        let mut row = IntentRow { id: 0, group, made_at_ms, body, epoch: None, due_ms, dropped: String::new() };
        row.id = batch.tx.put_intent(&row).await?;
        self.intents.push(row);
        Ok(())
    }

    /// Whether one more change may be under way in a group; otherwise how many may. What nobody asked for takes no place of
    /// what somebody did, and what was given up takes none.
    pub(crate) fn has_room_for(&self, group: GroupId, intent: &Intent) -> Result<(), usize> {
        let alike = |row: &&IntentRow| {
            let of_group = row.group == group && row.dropped.is_empty();
            of_group && Intent::decode(&row.body).is_ok_and(|other| other.is_wish() == intent.is_wish())
        };
        if self.intents.iter().filter(alike).count() < INTENTS_MAX { Ok(()) } else { Err(INTENTS_MAX) }
    }

    /// Whether it is wanted already that somebody who left is no member.
    pub(crate) fn lets_go(&self, group: GroupId, account: AccountId) -> bool {
        let of_account = |body: &[u8]| matches!(Intent::decode(body), Ok(Intent::LetGo(of)) if of.account == account);
        self.intents.iter().any(|row| row.group == group && of_account(&row.body))
    }

    fn pause_until_ms(&self, batch: &mut Batch<'_, '_>, group: GroupId) -> u64 {
        let members = self.groups.get(&group).map_or(0, |loaded| loaded.group.members().len());
        let members = u64::try_from(members).unwrap_or(0);
        let most_ms = PAUSE_MS.1.saturating_add(members.saturating_mul(PAUSE_PER_MEMBER_MS));
        let wait_ms = PAUSE_MS.0.saturating_add(u64::from(batch.rng.next_u32()) % (most_ms - PAUSE_MS.0));
        batch.now_ms.saturating_add(wait_ms)
    }

    /// Remembers the way to the head while something is wanted of a group: an epoch that leaves the tree is certain if it
    /// was on that way, above the new root, and lost otherwise.
    pub(crate) fn note_walk(&mut self, id: GroupId) {
        let walk = self.groups.get(&id).filter(|_| self.intents.iter().any(|row| row.group == id)).map(|loaded| {
            let tree = loaded.group.tree();
            tree.path(tree.head())
        });
        match walk {
            Some(walk) => self.walks.insert(id, walk),
            None => self.walks.remove(&id),
        };
    }

    /// The tree of a group changed: what is not on the way to the head is to be made again, and what the tree has let go of
    /// on that way is certain.
    pub(crate) async fn review_intents(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        if !self.intents.iter().any(|row| row.group == id) {
            self.walks.remove(&id);
            return Ok(());
        }
        let due_ms = self.pause_until_ms(batch, id);
        let Some(loaded) = self.groups.get(&id) else { return Ok(()) };
        let (tree, walked) = (loaded.group.tree(), self.walks.get(&id).map(Vec::as_slice).unwrap_or_default());
        let mut kept = Vec::with_capacity(self.intents.len());
        let mut lost_updates = false;
        for mut row in std::mem::take(&mut self.intents) {
            if row.group == id
                && let Some(epoch) = row.epoch
                && row.due_ms.is_none()
                && (!loaded.group.is_on_branch(epoch) || epoch == tree.root())
            {
                if is_certain(walked, epoch, tree.root()) {
                    batch.tx.drop_intent(row.id).await?;
                    continue;
                }
                if row.body == Intent::Update.encode() {
                    batch.tx.drop_intent(row.id).await?;
                    lost_updates = true;
                    continue;
                }
                // The time in which it may be made again begins now, however long ago it was made first.
                (row.due_ms, row.epoch, row.made_at_ms) = (Some(due_ms), None, batch.now_ms);
                batch.tx.set_intent(&row).await?;
            }
            kept.push(row);
        }
        self.intents = kept;
        self.note_walk(id);
        // Everybody who joined at once renews keys, and all but one lose: made again at once they would lose again.
        if lost_updates { self.update_later(batch, id).await } else { Ok(()) }
    }

    /// This node goes on elsewhere in the group, by a Welcome or a way in: nothing says whether the commits that it made
    /// are on the way to where it is now, so what was wanted is looked at again.
    pub(crate) async fn reopen_intents(&mut self, batch: &mut Batch<'_, '_>, id: GroupId) -> Result<(), StoreError> {
        let due_ms = self.pause_until_ms(batch, id);
        // What brought this node in set a time for its keys.
        let is_update = |row: &IntentRow| row.group == id && row.body == Intent::Update.encode();
        for row in self.intents.iter().filter(|row| is_update(row)) {
            batch.tx.drop_intent(row.id).await?;
        }
        self.intents.retain(|row| !is_update(row));
        for row in self.intents.iter_mut().filter(|row| row.group == id && row.epoch.is_some()) {
            (row.due_ms, row.epoch, row.made_at_ms) = (Some(due_ms), None, batch.now_ms);
            batch.tx.set_intent(row).await?;
        }
        Ok(())
    }

    /// Makes what is due, and lets go of what was told long enough.
    pub(crate) async fn make_due_intents(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), StoreError> {
        let now_ms = batch.now_ms;
        let is_told = |row: &IntentRow| !row.dropped.is_empty() && row.made_at_ms.saturating_add(TOLD_MS) <= now_ms;
        for row in self.intents.iter().filter(|row| is_told(row)) {
            batch.tx.drop_intent(row.id).await?;
        }
        self.intents.retain(|row| !is_told(row));
        let due = self.intents.iter().filter(|row| row.due_ms.is_some_and(|due_ms| due_ms <= now_ms));
        let due: Vec<i64> = due.map(|row| row.id).collect();
        for id in due {
            let Some(row) = self.intents.iter().find(|row| row.id == id).cloned() else { continue };
            let Ok(intent) = Intent::decode(&row.body) else {
                self.settle_intent(batch, row, None, Tried::Done).await?;
                continue;
            };
            let tried = match self.try_intent(batch, row.group, &intent).await? {
                Tried::Later if row.made_at_ms.saturating_add(TRIED_MS) <= now_ms => {
                    Tried::Dropped("it could not be made again within a week".to_owned())
                }
                tried => tried,
            };
            self.settle_intent(batch, row, Some(&intent), tried).await?;
        }
        Ok(())
    }

    /// Writes what became of a try. Whoever asked for a change reads it if it was given up.
    async fn settle_intent(
        &mut self,
        batch: &mut Batch<'_, '_>,
        mut row: IntentRow,
        intent: Option<&Intent>,
        tried: Tried,
    ) -> Result<(), StoreError> {
        let why = match tried {
            Tried::Done => None,
            Tried::Committed(epoch) => {
                (row.epoch, row.due_ms) = (Some(epoch), None);
                return self.keep_intent(batch, row).await;
            }
            Tried::Later => {
                row.due_ms = Some(batch.now_ms.saturating_add(RETRY_MS));
                return self.keep_intent(batch, row).await;
            }
            Tried::Dropped(why) => Some(why),
            Tried::Failed(error) => Some(error.to_string()),
        };
        match why.zip(intent.and_then(|intent| self.wish(intent))) {
            None => {
                self.intents.retain(|other| other.id != row.id);
                batch.tx.drop_intent(row.id).await
            }
            Some((why, wish)) => {
                let told = format!("{wish} was given up: {why}.");
                (row.dropped, row.due_ms, row.epoch, row.made_at_ms) = (told, None, None, batch.now_ms);
                self.keep_intent(batch, row).await
            }
        }
    }

    async fn keep_intent(&mut self, batch: &mut Batch<'_, '_>, row: IntentRow) -> Result<(), StoreError> {
        if let Some(conversation) = self.group_rows.get(&row.group).map(|group| group.conversation) {
            batch.touched.insert(conversation);
        }
        batch.tx.set_intent(&row).await?;
        let group = row.group;
        // What the commit itself reviewed is newer than this copy in nothing but its own fate.
        if let Some(known) = self.intents.iter_mut().find(|known| known.id == row.id) {
            *known = row;
        }
        self.note_walk(group);
        Ok(())
    }

    /// A wish in words, to say what becomes of it; none for what nobody asked for.
    pub(crate) fn wish(&self, intent: &Intent) -> Option<String> {
        let names = |accounts: &[AccountId]| {
            accounts.iter().map(|account| self.name_of(account)).collect::<Vec<_>>().join(", ")
        };
        Some(match intent {
            Intent::Add(accounts) => format!("Adding {}", names(accounts)),
            Intent::Remove(accounts) => format!("Removing {}", names(accounts)),
            Intent::Role(account, _, _) => format!("Changing the role of {}", self.name_of(account)),
            Intent::Patch(fields) => match fields.as_slice() {
                [field] => format!("Changing {}", field.what()),
                _ => "Changing the group's settings".to_owned(),
            },
            Intent::MakeInvite(_) => "Making an invite".to_owned(),
            Intent::RevokeInvite(_) => "Revoking an invite".to_owned(),
            Intent::LetIn(_) => "Letting somebody in".to_owned(),
            Intent::LetGo(_) | Intent::Ended(_) | Intent::Update => return None,
        })
    }

    async fn try_intent(
        &mut self,
        batch: &mut Batch<'_, '_>,
        group: GroupId,
        intent: &Intent,
    ) -> Result<Tried, StoreError> {
        match self.plan(batch, group, intent).await? {
            Plan::Done => Ok(Tried::Done),
            Plan::Dropped(why) => Ok(Tried::Dropped(why)),
            Plan::Later => Ok(Tried::Later),
            Plan::Commit(wanted) => Ok(match self.commit(batch, group, *wanted).await? {
                Ok(epoch) => Tried::Committed(epoch),
                Err(error) => Tried::Failed(error),
            }),
        }
    }

    /// What an intent asks for on the head as it is.
    async fn plan(&mut self, batch: &mut Batch<'_, '_>, id: GroupId, intent: &Intent) -> Result<Plan, StoreError> {
        let Some(loaded) = self.group(batch, id).await? else { return Ok(Plan::Done) };
        let Some(policy) = loaded.group.policy().cloned() else {
            return Ok(Plan::Dropped("you are not a member any more".to_owned()));
        };
        let members = loaded.group.members().to_vec();
        let suite = loaded.group.suite().unwrap_or(Suite::Classic);
        let is_member = |account: &AccountId| members.iter().any(|member| member.account == *account);
        let nodes_of = |account: &AccountId| {
            members.iter().filter(|member| member.account == *account).map(|member| member.node).collect::<Vec<_>>()
        };
        let mut wanted = Wanted::default();
        match intent {
            Intent::Add(accounts) => {
                let missing: Vec<AccountId> = accounts.iter().filter(|account| !is_member(account)).copied().collect();
                for account in &missing {
                    match self.packages_for(batch, suite, account).await? {
                        Some(packages) => wanted.add.extend(packages),
                        None => return Ok(Plan::Later),
                    }
                }
            }
            Intent::Remove(accounts) => wanted.remove = accounts.iter().flat_map(nodes_of).collect(),
            Intent::Role(account, from, to) => {
                let now = policy.role(account);
                if !is_member(account) || now == *to {
                    return Ok(Plan::Done);
                }
                if now != *from {
                    return Ok(Plan::Dropped(GAVE_WAY.to_owned()));
                }
                let mut after = policy.clone();
                after.roles.insert(*account, *to);
                wanted.policy = Some(after);
            }
            Intent::Patch(fields) => {
                let mut after = policy.clone();
                for field in fields {
                    if let Err(why) = field.apply(&mut after) {
                        return Ok(Plan::Dropped(why));
                    }
                }
                wanted.policy = Some(after).filter(|after| *after != policy);
            }
            Intent::MakeInvite(invite) => {
                if policy.invite(invite.id()).is_some() || invite.expires_at_ms <= batch.now_ms {
                    return Ok(Plan::Done);
                }
                let mut after = policy.clone();
                after.invites.retain(|invite| invite.expires_at_ms >= batch.now_ms);
                after.invites.push(invite.clone());
                wanted.policy = Some(after);
            }
            Intent::RevokeInvite(invite) => {
                let mut after = policy.clone();
                after.invites.retain(|other| other.id() != *invite);
                wanted.policy = Some(after).filter(|after| *after != policy);
            }
            Intent::LetGo(statement) => {
                wanted.remove = nodes_of(&statement.account);
                wanted.evidence.push(Evidence::Leave(*statement));
            }
            Intent::Ended(nodes) => {
                let ended = members
                    .iter()
                    .filter(|member| nodes.contains(&member.node) && member.certificate.not_after_ms() < batch.now_ms);
                wanted.remove = ended.map(|member| member.node).collect();
            }
            Intent::LetIn(request) => return self.plan_to_let_in(batch, id, request).await,
            Intent::Update => return Ok(Plan::Commit(Box::new(wanted))),
        }
        let nothing = wanted.add.is_empty() && wanted.remove.is_empty() && wanted.policy.is_none();
        Ok(if nothing { Plan::Done } else { Plan::Commit(Box::new(wanted)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_intent_is_kept_as_it_is() {
        let invite = Invite {
            key: SignaturePublic([1; 32]),
            creator: AccountId([2; 32]),
            expires_at_ms: 3,
            uses: None,
            role: Role::ReadOnly,
            approval: true,
        };
        let fields = vec![
            Field::Name("a".into(), "b".into()),
            Field::Topic(String::new(), "t".into()),
            Field::Picture([7; 32], vec![1, 2]),
            Field::History(History::Nothing, History::Days(3)),
            Field::Disappearing(0, 60),
            Field::MayInvite(Who::Everybody, Who::Admins),
            Field::MayEdit(Who::Admins, Who::Everybody),
        ];
        for intent in [
            Intent::Add(vec![AccountId([1; 32])]),
            Intent::Remove(vec![AccountId([1; 32]), AccountId([2; 32])]),
            Intent::Role(AccountId([1; 32]), Role::Member, Role::Admin),
            Intent::Patch(fields),
            Intent::MakeInvite(invite),
            Intent::RevokeInvite(InviteId([4; 16])),
            Intent::Ended(vec![NodeId([5; 32])]),
            Intent::LetIn(vec![1, 2, 3]),
            Intent::Update,
        ] {
            assert_eq!(Intent::decode(&intent.encode()).unwrap(), intent);
        }
    }

    #[test]
    fn an_epoch_is_certain_at_the_root_and_above_it_and_nowhere_else() {
        let [first, second, third, elsewhere] = [1, 2, 3, 4].map(|number| EpochId([number; 32]));
        let walked = [first, second, third];
        assert!(is_certain(&walked, first, second) && is_certain(&walked, second, third));
        assert!(is_certain(&walked, third, third) && is_certain(&[], third, third));
        assert!(!is_certain(&walked, third, second), "it was below the root, and lost");
        assert!(!is_certain(&walked, second, elsewhere), "the root is on another branch");
        assert!(!is_certain(&[], second, third), "nothing is known");
    }

    #[test]
    fn a_field_that_somebody_else_set_meanwhile_stays() {
        let mut policy = Policy::group(AccountId([1; 32]), "Hiking".to_owned());
        assert!(Field::Name("Walking".into(), "Running".into()).apply(&mut policy).is_err());
        assert_eq!(policy.name, "Hiking");
        assert!(Field::Name("Hiking".into(), "Running".into()).apply(&mut policy).is_ok());
        assert_eq!(policy.name, "Running");
    }
}
