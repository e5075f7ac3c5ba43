//! Whom a conversation's messages are for, and what is proved for each of them.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Row, SqliteConnection};
use tidings_crypto::identity::NodeId;

use super::conversations::{progress_row, role};
use super::sent::audience;
use super::views::unnamed;
use super::{Me, StoreError, fixed, integer, natural};
use crate::conversation::audience::{self, Audience, keepers};
use crate::conversation::ledger::Progress;
use crate::handle::{KeptBy, Message, MessageState, Recipient, Role};
use crate::ids::{AccountId, ConversationId, PeerKey};

/// So many who keep a message are named.
const KEEPERS_MAX: usize = 8;

/// The other accounts of a conversation with their nodes' progress: what a message's state is computed from.
pub(super) struct Standing {
    pub(super) others: BTreeMap<AccountId, Vec<NodeId>>,
    ledger: BTreeMap<NodeId, Progress>,
    pub(super) names: BTreeMap<AccountId, String>,
    pub(super) roles: BTreeMap<AccountId, Role>,
    /// Whom messages were for, by number.
    audiences: BTreeMap<u64, Audience>,
}

/// How a conversation's members stand.
pub(super) async fn standing(connection: &mut SqliteConnection, id: ConversationId) -> Result<Standing, StoreError> {
    let rows = sqlx::query(
        "SELECT member.node, member.account, coalesce(contact.name, ''), member.role FROM member
         LEFT JOIN contact ON contact.account = member.account WHERE member.conversation = ?1",
    )
    .bind(id.0.as_slice())
    .fetch_all(&mut *connection)
    .await?;
    let mut others: BTreeMap<AccountId, Vec<NodeId>> = BTreeMap::new();
    let (mut names, mut roles) = (BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let account = AccountId(fixed("member", row.try_get(1)?)?);
        others.entry(account).or_default().push(NodeId(fixed("member", row.try_get(0)?)?));
        let name: String = row.try_get(2)?;
        names.insert(account, if name.is_empty() { unnamed(&account) } else { name });
        roles.insert(account, role(row.try_get(3)?)?);
    }
    let rows = sqlx::query("SELECT reader_node, delivered, seen, stored FROM ledger WHERE conversation = ?1")
        .bind(id.0.as_slice())
        .fetch_all(connection)
        .await?;
    let ledger = rows.iter().map(progress_row).collect::<Result<_, _>>()?;
    Ok(Standing { others, ledger, names, roles, audiences: BTreeMap::new() })
}

impl Standing {
    /// Reads whom a message was for, unless that is here.
    pub(super) async fn hold_audience(
        &mut self,
        connection: &mut SqliteConnection,
        conversation: ConversationId,
        number: u64,
    ) -> Result<(), StoreError> {
        if number != 0
            && !self.audiences.contains_key(&number)
            && let Some(audience) = audience(connection, conversation, number).await?
        {
            self.audiences.insert(number, audience);
        }
        Ok(())
    }

    /// What somebody is called here.
    async fn name(&self, connection: &mut SqliteConnection, account: AccountId) -> Result<String, StoreError> {
        match self.names.get(&account) {
            Some(name) => Ok(name.clone()),
            None => name_of(connection, account).await,
        }
    }

    /// My message's state for each account that it was for.
    fn standings(&self, audience: u64, sequence: u64, me: AccountId) -> Vec<audience::Standing> {
        let nodes = || self.others.iter().flat_map(|(account, nodes)| nodes.iter().map(|node| (*node, *account)));
        let members: BTreeSet<NodeId> = nodes().map(|(node, _)| node).collect();
        // What was sent before audiences were kept counts as sent to those who are members now.
        let everybody = Audience::of(nodes());
        let audience = self.audiences.get(&audience).unwrap_or(&everybody);
        audience.standings(me, sequence, |node| members.contains(node), |node| self.ledger.get(node))
    }

    /// My message's state.
    pub(super) fn state(&self, audience: u64, sequence: u64, me: AccountId) -> MessageState {
        audience::state_of(&self.standings(audience, sequence, me))
    }
}

/// My message's state for each account that it was for: `sent` is the number of its audience, and its own.
pub(super) async fn recipients(
    connection: &mut SqliteConnection,
    message: &Message,
    sent: (u64, u64),
    standing: &Standing,
    me: &Me,
) -> Result<Vec<Recipient>, StoreError> {
    let (audience, sequence) = sent;
    let standings = standing.standings(audience, sequence, me.account);
    let mut members = Vec::new();
    for keeper in keepers(&standings).take(KEEPERS_MAX) {
        let (account, name) = (keeper.account, standing.name(connection, keeper.account).await?);
        let since = learnt_ms(connection, message.conversation, &keeper.nodes, MessageState::Delivered, sequence);
        members.push((since.await?, KeptBy::Member { account, name }));
    }
    let mut recipients = Vec::new();
    for recipient in standings {
        let account = recipient.account;
        let mut kept_by = Vec::new();
        let learnt_ms = match recipient.state {
            MessageState::Queued => None,
            MessageState::Stored => {
                let mailboxes = mailboxes(connection, message.conversation, &recipient.nodes, sequence).await?;
                let keepers = mailboxes.into_iter().chain(members.iter().cloned());
                let (since, keepers): (Vec<_>, Vec<_>) = keepers.take(KEEPERS_MAX).unzip();
                kept_by = keepers;
                since.into_iter().flatten().min()
            }
            state => learnt_ms(connection, message.conversation, &recipient.nodes, state, sequence).await?,
        };
        recipients.push(Recipient {
            account,
            name: standing.name(connection, account).await?,
            state: recipient.state,
            at_ms: learnt_ms.unwrap_or(message.sent_at_ms),
            removed: recipient.removed,
            kept_by,
        });
    }
    Ok(recipients)
}

/// When the first of these nodes proved this much of my message.
async fn learnt_ms(
    connection: &mut SqliteConnection,
    conversation: ConversationId,
    nodes: &[NodeId],
    state: MessageState,
    sequence: u64,
) -> Result<Option<u64>, StoreError> {
    let mut first: Option<u64> = None;
    for node in nodes {
        let learnt: Option<i64> = sqlx::query_scalar(
            "SELECT min(at_ms) FROM progress WHERE conversation = ?1 AND reader_node = ?2 AND state = ?3
                 AND first_sequence <= ?4 AND last_sequence >= ?4",
        )
        .bind(conversation.0.as_slice())
        .bind(node.0.as_slice())
        .bind(if state == MessageState::Seen { 2 } else { 1 })
        .bind(integer(sequence))
        .fetch_one(&mut *connection)
        .await?;
        first = first.into_iter().chain(learnt.map(natural)).min();
    }
    Ok(first)
}

/// The mailboxes that acknowledged that they keep my message for one of these nodes, and when.
async fn mailboxes(
    connection: &mut SqliteConnection,
    conversation: ConversationId,
    nodes: &[NodeId],
    sequence: u64,
) -> Result<Vec<(Option<u64>, KeptBy)>, StoreError> {
    let mut mailboxes = Vec::new();
    for node in nodes {
        let rows = sqlx::query(
            "SELECT keeper, min(at_ms) FROM stored WHERE conversation = ?1 AND reader_node = ?2
                 AND first_sequence <= ?3 AND last_sequence >= ?3 GROUP BY keeper ORDER BY min(at_ms)",
        )
        .bind(conversation.0.as_slice())
        .bind(node.0.as_slice())
        .bind(integer(sequence))
        .fetch_all(&mut *connection)
        .await?;
        for row in &rows {
            let mailbox = KeptBy::Mailbox(PeerKey(fixed("stored", row.try_get(0)?)?));
            mailboxes.push((Some(natural(row.try_get(1)?)), mailbox));
        }
    }
    Ok(mailboxes)
}

async fn name_of(connection: &mut SqliteConnection, account: AccountId) -> Result<String, StoreError> {
    let name: Option<String> = sqlx::query_scalar("SELECT name FROM contact WHERE account = ?1")
        .bind(account.0.as_slice())
        .fetch_optional(connection)
        .await?;
    Ok(name.unwrap_or_else(|| unnamed(&account)))
}
