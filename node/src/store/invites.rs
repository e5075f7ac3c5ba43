//! Invites that this node made, groups that its owner asked to join, and who asked to join its groups.

use rand_chacha::ChaCha20Rng;
use sqlx::Row;
use tidings_crypto::group::GroupId;
use zeroize::Zeroizing;

use super::{StoreError, Tx, fixed, integer, natural};
use crate::ids::{AccountId, InviteId};

/// A group that the owner of this node asked to join.
#[derive(Debug, Clone)]
pub struct JoiningRow {
    /// The group.
    pub group: GroupId,
    /// The link, as text.
    pub link: Zeroizing<String>,
    /// When it was asked first.
    pub asked_at_ms: u64,
    /// Why it was refused; empty while it was not.
    pub refused: String,
}

/// Somebody who asked to join.
#[derive(Debug, Clone)]
pub struct JoinRequestRow {
    /// The group.
    pub group: GroupId,
    /// Who.
    pub account: AccountId,
    /// Their request, encoded; empty once it was declined.
    pub request: Vec<u8>,
    /// When it reached this node.
    pub asked_at_ms: u64,
}

impl Tx<'_> {
    /// Keeps the secret of an invite, sealed.
    pub async fn put_invite(
        &mut self,
        group: GroupId,
        id: InviteId,
        seed: &[u8; 32],
        rng: &mut ChaCha20Rng,
    ) -> Result<(), StoreError> {
        let sealed = self.key.seal(&invite_context(group, id), seed, rng);
        sqlx::query("INSERT INTO invite (group_id, id, sealed_seed) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .bind(group.0.as_slice())
            .bind(id.0.as_slice())
            .bind(sealed)
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// The secret of an invite that this node made.
    pub async fn invite(&mut self, group: GroupId, id: InviteId) -> Result<Option<Zeroizing<[u8; 32]>>, StoreError> {
        let sealed = sqlx::query_scalar::<_, Vec<u8>>("SELECT sealed_seed FROM invite WHERE group_id = ?1 AND id = ?2")
            .bind(group.0.as_slice())
            .bind(id.0.as_slice())
            .fetch_optional(self.transaction.read())
            .await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let seed = self.unseal("invite", &invite_context(group, id), &sealed)?;
        Ok(Some(Zeroizing::new(fixed("invite", &seed)?)))
    }

    /// Keeps that the owner of this node asked to join a group.
    pub async fn put_joining(&mut self, row: &JoiningRow, rng: &mut ChaCha20Rng) -> Result<(), StoreError> {
        let sealed = self.key.seal(&joining_context(row.group), row.link.as_bytes(), rng);
        sqlx::query(
            "INSERT INTO joining (group_id, sealed_link, asked_at_ms, refused) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (group_id) DO UPDATE SET sealed_link = excluded.sealed_link,
                 asked_at_ms = excluded.asked_at_ms, refused = excluded.refused",
        )
        .bind(row.group.0.as_slice())
        .bind(sealed)
        .bind(integer(row.asked_at_ms))
        .bind(&row.refused)
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// It is over: the Welcome came.
    pub async fn drop_joining(&mut self, group: GroupId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM joining WHERE group_id = ?1")
            .bind(group.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }

    /// All groups that the owner of this node asked to join.
    pub async fn joinings(&mut self) -> Result<Vec<JoiningRow>, StoreError> {
        let rows = sqlx::query("SELECT group_id, sealed_link, asked_at_ms, refused FROM joining")
            .fetch_all(self.transaction.read())
            .await?;
        rows.iter()
            .map(|row| {
                let group = GroupId(fixed("joining", row.try_get(0)?)?);
                let link = self.unseal("joining", &joining_context(group), row.try_get(1)?)?;
                let link = std::str::from_utf8(&link).map_err(|_| StoreError::Damaged { what: "joining" })?;
                Ok(JoiningRow {
                    group,
                    link: Zeroizing::new(link.to_owned()),
                    asked_at_ms: natural(row.try_get(2)?),
                    refused: row.try_get(3)?,
                })
            })
            .collect()
    }

    /// Keeps that somebody asked to join, or that they were declined.
    pub async fn put_join_request(&mut self, row: &JoinRequestRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO join_request (group_id, account, request, asked_at_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (group_id, account) DO UPDATE SET request = excluded.request",
        )
        .bind(row.group.0.as_slice())
        .bind(row.account.0.as_slice())
        .bind(&row.request)
        .bind(integer(row.asked_at_ms))
        .execute(self.transaction.write().await?)
        .await?;
        Ok(())
    }

    /// Who asked to join a group.
    pub async fn join_requests(&mut self, group: GroupId) -> Result<Vec<JoinRequestRow>, StoreError> {
        let rows = sqlx::query(
            "SELECT account, request, asked_at_ms FROM join_request WHERE group_id = ?1 ORDER BY asked_at_ms, account",
        )
        .bind(group.0.as_slice())
        .fetch_all(self.transaction.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(JoinRequestRow {
                    group,
                    account: AccountId(fixed("join request", row.try_get(0)?)?),
                    request: row.try_get(1)?,
                    asked_at_ms: natural(row.try_get(2)?),
                })
            })
            .collect()
    }

    /// Nobody has to decide any more about who is a member now.
    pub async fn drop_join_request(&mut self, group: GroupId, account: AccountId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM join_request WHERE group_id = ?1 AND account = ?2")
            .bind(group.0.as_slice())
            .bind(account.0.as_slice())
            .execute(self.transaction.write().await?)
            .await?;
        Ok(())
    }
}

fn invite_context(group: GroupId, id: InviteId) -> Vec<u8> {
    [b"invite".as_slice(), &group.0, &id.0].concat()
}

fn joining_context(group: GroupId) -> Vec<u8> {
    [b"joining".as_slice(), &group.0].concat()
}
