//! What people read: conversations, history, contacts, with names and states filled in.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::conversations::{self, kind};
use super::recipients::{Standing, recipients, standing};
use super::{ConversationKind, Reader, RowKind, StoreError, Tx, fixed, integer, natural};
use crate::conversation::changes::{self, Change};
use crate::handle::{
    self, Contact, Conversation, Member, Message, MessageDetail, MessageKind, MessagePage, MessageState, PageAt, Role,
};
use crate::ids::{AccountId, ConversationId, MessageId};

const MESSAGE_COLUMNS: &str = "message.id, message.conversation, message.author, message.sequence, message.mine,
    message.sent_at_ms, message.received_at_ms, message.place, message.reply_to, message.text,
    coalesce(contact.name, ''), message.kind, message.body, message.late, message.shared_by, message.audience
    FROM message LEFT JOIN contact ON contact.account = message.author";

/// Who the owner of this node is: their own name is not among the contacts.
#[derive(Debug, Clone)]
pub struct Me {
    /// The account.
    pub account: AccountId,
    /// The name on the card.
    pub name: String,
}

impl Reader {
    /// All conversations, the latest activity first.
    pub async fn conversations(&self, me: &Me) -> Result<Vec<Conversation>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let ids = sqlx::query_scalar::<_, Vec<u8>>("SELECT id FROM conversation ORDER BY last_at_ms DESC, id")
            .fetch_all(&mut *connection)
            .await?;
        let mut conversations = Vec::with_capacity(ids.len());
        for id in ids {
            let id = ConversationId(fixed("conversation", &id)?);
            conversations.extend(conversation(&mut connection, id, me).await?);
        }
        Ok(conversations)
    }

    /// One conversation.
    pub async fn conversation(&self, id: ConversationId, me: &Me) -> Result<Option<Conversation>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        conversation(&mut connection, id, me).await
    }

    /// A page of history, oldest first; `None` if the conversation, or the message it starts from, is not here.
    pub async fn messages(
        &self,
        conversation: ConversationId,
        at: PageAt,
        limit: u32,
        me: &Me,
    ) -> Result<Option<MessagePage>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        page(&mut connection, conversation, at, limit, me).await
    }

    /// Messages whose id begins with these bytes' hexadecimal text: at most `limit`.
    pub async fn messages_by_prefix(&self, prefix: &str, limit: u32) -> Result<Vec<MessageId>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT id FROM message WHERE id >= ?1 AND id <= ?2 AND kind <> 2
                 AND conversation NOT IN (SELECT conversation FROM stranger_request) LIMIT ?3",
        )
        .bind(bound(prefix, '0'))
        .bind(bound(prefix, 'f'))
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|id| Ok(MessageId(fixed("message", id)?))).collect()
    }

    /// A message with its state for each recipient.
    pub async fn message_detail(&self, id: MessageId, me: &Me) -> Result<Option<MessageDetail>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let query = format!(
            "SELECT {MESSAGE_COLUMNS} WHERE message.id = ?1 AND message.kind <> 2
                 AND message.conversation NOT IN (SELECT conversation FROM stranger_request)"
        );
        let row =
            sqlx::query(sqlx::AssertSqlSafe(query)).bind(id.0.as_slice()).fetch_optional(&mut *connection).await?;
        let Some(row) = row else { return Ok(None) };
        let raw = raw_message(&row)?;
        let mut standing = standing(&mut connection, raw.conversation).await?;
        let (sequence, audience) = (raw.sequence, raw.audience);
        let Some(message) = message(&mut connection, raw, &mut standing, me).await? else { return Ok(None) };
        let recipients = if message.mine && message.kind == MessageKind::Text {
            recipients(&mut connection, &message, (audience, sequence), &standing, me).await?
        } else {
            Vec::new()
        };
        Ok(Some(MessageDetail { message, recipients }))
    }

    /// Everybody known here, by name; who is online only the loop knows.
    pub async fn contacts(&self) -> Result<Vec<Contact>, StoreError> {
        let rows = sqlx::query(
            "SELECT contact.account, contact.name, contact.added, length(contact.card) > 0, contact.safety_number,
                 (SELECT conversation.id FROM member JOIN conversation ON conversation.id = member.conversation
                  WHERE member.account = contact.account AND conversation.kind = 1
                      AND conversation.id NOT IN (SELECT conversation FROM stranger_request) LIMIT 1),
                 EXISTS (SELECT 1 FROM blocked WHERE blocked.account = contact.account),
                 (SELECT at_ms FROM verified WHERE verified.account = contact.account
                      AND contact.safety_number <> '' AND verified.safety_number = contact.safety_number)
             FROM contact WHERE contact.met = 0 ORDER BY contact.name COLLATE NOCASE, contact.account",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let conversation = row.try_get::<Option<&[u8]>, _>(5)?;
                Ok(Contact {
                    account: AccountId(fixed("contact", row.try_get(0)?)?),
                    name: row.try_get(1)?,
                    added: row.try_get(2)?,
                    card_complete: row.try_get(3)?,
                    safety_number: row.try_get(4)?,
                    online: false,
                    conversation: conversation.map(|id| fixed("conversation", id).map(ConversationId)).transpose()?,
                    blocked: row.try_get(6)?,
                    verified_at_ms: row.try_get::<Option<i64>, _>(7)?.map(natural),
                })
            })
            .collect()
    }

    /// How many of my messages some recipient's node does not keep yet.
    pub async fn queued(&self) -> Result<u64, StoreError> {
        let queued: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT DISTINCT conversation, sequence FROM outbox WHERE kind = 3)",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(natural(queued))
    }
}

impl Reader {
    /// The database's size in bytes, without its log.
    pub async fn database_bytes(&self) -> Result<u64, StoreError> {
        // As a product, since SQLCipher says the size of a page in letters.
        let bytes = "SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size())";
        Ok(natural(sqlx::query_scalar(bytes).fetch_one(&self.pool).await?))
    }

    /// What is wrong in the database, in SQLite's words; nothing if it is whole. Reads all of it.
    pub async fn damage(&self) -> Result<Vec<String>, StoreError> {
        let found = sqlx::query_scalar::<_, String>("PRAGMA quick_check(10)").fetch_all(&self.pool).await;
        match found {
            Ok(found) => Ok(found.into_iter().filter(|line| line != "ok").collect()),
            // So damaged that not even the check gets through.
            Err(error) if error.as_database_error().is_some() => Ok(vec![error.to_string()]),
            Err(error) => Err(error.into()),
        }
    }
}

impl Tx<'_> {
    /// One conversation, as the batch leaves it: flush first.
    pub async fn conversation_view(&mut self, id: ConversationId, me: &Me) -> Result<Option<Conversation>, StoreError> {
        conversation(self.transaction.read(), id, me).await
    }

    /// One message, as the batch leaves it: flush first.
    pub async fn message_view(&mut self, id: MessageId, me: &Me) -> Result<Option<Message>, StoreError> {
        let query = format!("SELECT {MESSAGE_COLUMNS} WHERE message.id = ?1");
        let row = sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(id.0.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let raw = raw_message(&row)?;
        let mut standing = standing(self.transaction.read(), raw.conversation).await?;
        message(self.transaction.read(), raw, &mut standing, me).await
    }
}

struct RawMessage {
    id: MessageId,
    conversation: ConversationId,
    author: AccountId,
    sequence: u64,
    mine: bool,
    sent_at_ms: u64,
    received_at_ms: u64,
    place: u64,
    reply_to: Option<MessageId>,
    text: String,
    author_name: String,
    kind: RowKind,
    late: bool,
    shared_by: Option<AccountId>,
    audience: u64,
}

fn raw_message(row: &SqliteRow) -> Result<RawMessage, StoreError> {
    let reply_to: Option<&[u8]> = row.try_get(8)?;
    let shared_by: &[u8] = row.try_get(14)?;
    let shared_by = if shared_by.is_empty() { None } else { Some(AccountId(fixed("message", shared_by)?)) };
    Ok(RawMessage {
        id: MessageId(fixed("message", row.try_get(0)?)?),
        conversation: ConversationId(fixed("message", row.try_get(1)?)?),
        author: AccountId(fixed("message", row.try_get(2)?)?),
        sequence: natural(row.try_get(3)?),
        mine: row.try_get(4)?,
        sent_at_ms: natural(row.try_get(5)?),
        received_at_ms: natural(row.try_get(6)?),
        place: natural(row.try_get(7)?),
        reply_to: reply_to.map(|id| fixed("message", id).map(MessageId)).transpose()?,
        text: row.try_get(9)?,
        author_name: row.try_get(10)?,
        kind: RowKind::from_columns(row.try_get(11)?, row.try_get(12)?),
        late: row.try_get(13)?,
        shared_by,
        audience: natural(row.try_get(15)?),
    })
}

impl RawMessage {
    /// The accounts whose names the message needs besides its author's.
    fn accounts(&self) -> Vec<AccountId> {
        self.changes().iter().flat_map(Change::accounts).chain(self.shared_by).collect()
    }

    fn changes(&self) -> Vec<Change> {
        match &self.kind {
            RowKind::Text => Vec::new(),
            RowKind::Line(body) => changes::decode(body).unwrap_or_default(),
        }
    }

    fn message(self, standing: &Standing, names: &BTreeMap<AccountId, String>, me: &Me) -> Message {
        let name = |account: &AccountId| match names.get(account) {
            _ if *account == me.account => me.name.clone(),
            Some(name) => name.clone(),
            None => unnamed(account),
        };
        let is_text = matches!(self.kind, RowKind::Text);
        let state = if self.mine && is_text {
            standing.state(self.audience, self.sequence, me.account)
        } else {
            MessageState::Received
        };
        let sender_name = match &self.author_name {
            _ if self.author == me.account => me.name.clone(),
            unknown if unknown.is_empty() => unnamed(&self.author),
            known => known.clone(),
        };
        let changes = self.changes();
        let by_name = |account: &AccountId| if *account == self.author { sender_name.clone() } else { name(account) };
        let (text, kind) = match self.kind {
            RowKind::Text => (self.text, MessageKind::Text),
            RowKind::Line(_) => (
                changes::sentence(&changes, self.author, me.account, by_name),
                MessageKind::System(changes::line(&changes, by_name)),
            ),
        };
        Message {
            id: self.id,
            conversation: self.conversation,
            sender: self.author,
            // What somebody else gave to this node is their word, even where it is said to be the owner's own.
            mine: self.author == me.account && self.shared_by.is_none() && kind == MessageKind::Text,
            sent_at_ms: self.sent_at_ms,
            received_at_ms: self.received_at_ms,
            place: self.place,
            text,
            state,
            reply_to: self.reply_to,
            kind,
            late: self.late,
            shared_by: self.shared_by,
            shared_by_name: self.shared_by.as_ref().map(name).unwrap_or_default(),
            sender_name,
        }
    }
}

/// Fills in the names that these messages need.
async fn messages(
    connection: &mut SqliteConnection,
    raw: Vec<RawMessage>,
    standing: &mut Standing,
    me: &Me,
) -> Result<Vec<Message>, StoreError> {
    for raw in raw.iter().filter(|raw| raw.mine) {
        standing.hold_audience(connection, raw.conversation, raw.audience).await?;
    }
    let mut names = BTreeMap::new();
    for account in raw.iter().flat_map(RawMessage::accounts) {
        if names.contains_key(&account) {
            continue;
        }
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM contact WHERE account = ?1")
            .bind(account.0.as_slice())
            .fetch_optional(&mut *connection)
            .await?;
        names.insert(account, name.unwrap_or_else(|| unnamed(&account)));
    }
    Ok(raw.into_iter().map(|raw| raw.message(standing, &names, me)).collect())
}

async fn message(
    connection: &mut SqliteConnection,
    raw: RawMessage,
    standing: &mut Standing,
    me: &Me,
) -> Result<Option<Message>, StoreError> {
    Ok(messages(connection, vec![raw], standing, me).await?.pop())
}

async fn conversation(
    connection: &mut SqliteConnection,
    id: ConversationId,
    me: &Me,
) -> Result<Option<Conversation>, StoreError> {
    let row = sqlx::query(
        "SELECT kind, name, last_at_ms,
             (SELECT count(*) FROM message WHERE conversation = ?1 AND seen = 0
                  AND author NOT IN (SELECT account FROM blocked)),
             (SELECT id FROM message WHERE conversation = ?1 AND mine = 0 AND kind = 0 AND seen = 1
              ORDER BY place DESC, id DESC LIMIT 1),
             topic, picture, standing, refused,
             EXISTS (SELECT 1 FROM blocked JOIN member ON member.account = blocked.account
                     WHERE member.conversation = ?1 AND conversation.kind = 1)
         FROM conversation WHERE id = ?1 AND id NOT IN (SELECT conversation FROM stranger_request)",
    )
    .bind(id.0.as_slice())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let direct = kind(row.try_get(0)?) == ConversationKind::Direct;
    let stored_name: String = row.try_get(1)?;
    let seen_up_to: Option<&[u8]> = row.try_get(4)?;
    let seen_up_to = seen_up_to.map(|id| fixed("message", id).map(MessageId)).transpose()?;
    let stands = conversations::standing(row.try_get(7)?)?;
    let mut standing = standing(&mut *connection, id).await?;
    let role_of = |account: &AccountId| standing.roles.get(account).copied().unwrap_or(Role::Member);
    let members: Vec<Member> = standing
        .names
        .iter()
        .map(|(account, name)| Member {
            account: *account,
            name: if *account == me.account { me.name.clone() } else { name.clone() },
            me: *account == me.account,
            role: role_of(account),
            nodes: standing.others.get(account).map_or(0, |nodes| u32::try_from(nodes.len()).unwrap_or(u32::MAX)),
        })
        .collect();
    let others = || members.iter().filter(|member| !member.me).map(|member| member.name.as_str());
    let name = if stored_name.is_empty() { others().collect::<Vec<_>>().join(", ") } else { stored_name };
    let my_role = role_of(&me.account);

    let query = format!(
        "SELECT {MESSAGE_COLUMNS} WHERE conversation = ?1 AND message.kind <> 2
         ORDER BY message.place DESC, message.id DESC LIMIT 1"
    );
    let last = sqlx::query(sqlx::AssertSqlSafe(query)).bind(id.0.as_slice()).fetch_optional(&mut *connection).await?;
    let last_message = match last {
        Some(row) => message(connection, raw_message(&row)?, &mut standing, me).await?,
        None => None,
    };
    Ok(Some(Conversation {
        id,
        name,
        direct,
        members,
        unread: natural(row.try_get(3)?),
        seen_up_to,
        last_message,
        last_at_ms: natural(row.try_get(2)?),
        topic: row.try_get(5)?,
        picture: conversations::picture(row.try_get(6)?)?,
        standing: stands,
        refused: row.try_get(8)?,
        my_role,
        can_write: matches!(stands, handle::Standing::Member | handle::Standing::ComingBack)
            && !row.try_get::<bool, _>(9)?
            && my_role != Role::ReadOnly,
    }))
}

async fn page(
    connection: &mut SqliteConnection,
    conversation: ConversationId,
    at: PageAt,
    limit: u32,
    me: &Me,
) -> Result<Option<MessagePage>, StoreError> {
    let known: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM conversation WHERE id = ?1
             AND id NOT IN (SELECT conversation FROM stranger_request)",
    )
    .bind(conversation.0.as_slice())
    .fetch_one(&mut *connection)
    .await?;
    if known == 0 {
        return Ok(None);
    }
    let (condition, order, from) = match at {
        PageAt::Newest => ("?2 = ?2 AND ?3 = ?3", "DESC", None),
        PageAt::Before(id) => ("(message.place, message.id) < (?2, ?3)", "DESC", Some(id)),
        PageAt::After(id) => ("(message.place, message.id) > (?2, ?3)", "ASC", Some(id)),
    };
    let from = match from {
        None => (0, Vec::new()),
        Some(id) => {
            let place: Option<i64> =
                sqlx::query_scalar("SELECT place FROM message WHERE id = ?1 AND conversation = ?2")
                    .bind(id.0.as_slice())
                    .bind(conversation.0.as_slice())
                    .fetch_optional(&mut *connection)
                    .await?;
            match place {
                Some(place) => (place, id.0.to_vec()),
                None => return Ok(None),
            }
        }
    };
    let query = format!(
        "SELECT {MESSAGE_COLUMNS} WHERE message.conversation = ?1 AND message.kind <> 2 AND {condition}
         ORDER BY message.place {order}, message.id {order} LIMIT ?4"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query))
        .bind(conversation.0.as_slice())
        .bind(from.0)
        .bind(from.1)
        .bind(integer(u64::from(limit) + 1))
        .fetch_all(&mut *connection)
        .await?;
    let mut standing = standing(&mut *connection, conversation).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    let raw = rows.iter().take(limit).map(raw_message).collect::<Result<Vec<_>, StoreError>>()?;
    let mut messages = messages(&mut *connection, raw, &mut standing, me).await?;
    let page = match at {
        PageAt::After(_) => MessagePage { messages, more_before: true, more_after: more },
        PageAt::Before(_) | PageAt::Newest => {
            messages.reverse();
            MessagePage { messages, more_before: more, more_after: at != PageAt::Newest }
        }
    };
    Ok(Some(page))
}

/// The lowest or highest id whose hexadecimal text begins with `prefix`.
pub(super) fn bound(prefix: &str, fill: char) -> Vec<u8> {
    let text: String = prefix.chars().chain(std::iter::repeat(fill)).take(32).collect();
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap_or_default()
}

/// What a person is called until their card is here.
pub(crate) fn unnamed(account: &AccountId) -> String {
    account.to_string().chars().take(8).collect()
}
