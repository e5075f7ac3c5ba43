//! API tokens: what a program is let do at the door, and in which conversations.

use std::collections::BTreeSet;

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::{Handle, MessageDetail, Refused, unreadable};
use crate::engine::tokens::{hash_of, is_shaped};
use crate::engine::{Command, Reply, TokenCommand};
use crate::ids::{ConversationId, TokenId};

/// There are at most this many tokens. A guess: a person has a few programs.
pub const TOKENS_MAX: u64 = 64;
/// A token's name is at most this many characters.
pub const TOKEN_NAME_CHARS_MAX: usize = 64;
/// A token that is not for all conversations names at most this many.
pub const TOKEN_CONVERSATIONS_MAX: usize = 64;
/// A token that expires does so within this many ms: ten years.
pub const TOKEN_EXPIRES_MS_MAX: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
/// A token's last use is written at most this often, ms.
const TOUCH_AFTER_MS: u64 = 60_000;

/// In which conversations a token is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenReach {
    /// In all, those to come as well.
    All,
    /// In these alone.
    Only(BTreeSet<ConversationId>),
}

/// What a program may do that brings this token. Its text is not here: it is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Names it without giving it away.
    pub id: TokenId,
    /// What the owner called it.
    pub name: String,
    /// Whether it may read.
    pub may_read: bool,
    /// Whether it may write.
    pub may_write: bool,
    /// Where.
    pub reach: TokenReach,
    /// When it was made.
    pub created_at_ms: u64,
    /// When it ends; never, where it is absent.
    pub expires_at_ms: Option<u64>,
    /// When it was last used, kept to the minute.
    pub last_used_at_ms: Option<u64>,
}

impl Token {
    /// Whether it is good in a conversation.
    pub fn reaches(&self, conversation: ConversationId) -> bool {
        match &self.reach {
            TokenReach::All => true,
            TokenReach::Only(named) => named.contains(&conversation),
        }
    }

    /// An idempotency key as it is kept: each token has keys of its own, so that none learns which others were used.
    pub fn own_key(&self, key: &str) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("tidings v1 api token idempotency key");
        hasher.update(&self.id.0).update(key.as_bytes());
        BASE64URL_NOPAD.encode(hasher.finalize().as_bytes())
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= now_ms)
    }
}

/// The token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What the owner calls it: 1 to [`TOKEN_NAME_CHARS_MAX`] characters.
    pub name: String,
    /// Whether it may read.
    pub may_read: bool,
    /// Whether it may write.
    pub may_write: bool,
    /// Where: at most [`TOKEN_CONVERSATIONS_MAX`] conversations, or all.
    pub reach: TokenReach,
    /// In how many ms it ends, [`TOKEN_EXPIRES_MS_MAX`] at the most; never, where it is absent.
    pub expires_in_ms: Option<u64>,
}

/// A fresh token: its text goes to the program and is kept nowhere else.
pub struct MadeToken {
    /// What it may do.
    pub token: Token,
    /// The secret: `tidings_` and 43 characters of base64url.
    pub text: Zeroizing<String>,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("token", &self.token).finish_non_exhaustive()
    }
}

impl Handle {
    /// Makes a token.
    pub async fn create_token(&self, new: NewToken) -> Result<MadeToken, Refused> {
        match self.ask(Command::Token(TokenCommand::Create(new))).await? {
            Reply::ApiToken(made) => Ok(*made),
            _ => Err(Refused::Stopped),
        }
    }

    /// The token that this text is; its last use is remembered, to the minute.
    pub async fn token(&self, text: &str) -> Result<Token, Refused> {
        if !is_shaped(text) {
            return Err(Refused::UnknownToken);
        }
        let token = self.reader.token_by_hash(&hash_of(text)).await.map_err(unreadable)?;
        let now_ms = (self.clock)();
        let token = token.filter(|token| !token.is_over(now_ms)).ok_or(Refused::UnknownToken)?;
        if token.last_used_at_ms.is_none_or(|used_ms| now_ms.saturating_sub(used_ms) >= TOUCH_AFTER_MS) {
            match self.ask(Command::Token(TokenCommand::Touch(token.id))).await {
                // Reading goes on.
                Err(Refused::DiskFull) | Ok(_) => {}
                Err(refused) => return Err(refused),
            }
        }
        Ok(token)
    }

    /// In how many ms a token expires that was good; `u64::MAX` for never, `None` once it has.
    pub fn token_ends_in_ms(&self, token: &Token) -> Option<u64> {
        match token.expires_at_ms {
            None => Some(u64::MAX),
            Some(expires_at_ms) => expires_at_ms.checked_sub((self.clock)()).filter(|left_ms| *left_ms > 0),
        }
    }

    /// Whether a token that was good was neither revoked nor has expired since.
    pub async fn is_token_good(&self, token: &Token) -> Result<bool, Refused> {
        let is_there = self.reader.has_token(token.id).await.map_err(unreadable)?;
        Ok(is_there && self.token_ends_in_ms(token).is_some())
    }

    /// All tokens, the newest first.
    pub async fn tokens(&self) -> Result<Vec<Token>, Refused> {
        self.reader.tokens().await.map_err(unreadable)
    }

    /// Ends a token.
    pub async fn revoke_token(&self, id: TokenId) -> Result<(), Refused> {
        self.ask(Command::Token(TokenCommand::Revoke(id))).await.map(drop)
    }

    /// [`Handle::message`] among what the token reaches: what is beyond it is as if it were not here.
    pub async fn message_within(&self, id_prefix: &str, token: &Token) -> Result<MessageDetail, Refused> {
        if !super::is_message_prefix(id_prefix) {
            return Err(Refused::UnknownMessage);
        }
        let found = self.reader.messages_by_prefix_within(id_prefix, token, super::CANDIDATES_MAX).await;
        self.only_message(found.map_err(unreadable)?).await
    }
}
