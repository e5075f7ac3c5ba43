//! Who may use the page: one-time links and the sessions they become. Only hashes of secrets are kept.

use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::batch::{Batch, Halt};
use crate::handle::{NewSession, Refused, Session};
use crate::ids::SessionId;

/// A one-time link is good for an hour. A guess: long enough to walk to another room, short enough to forget.
const SIGN_IN_MS_MAX: u64 = 60 * 60 * 1_000;
/// Beyond this many signed-in browsers, the least recently used are signed out.
const SESSIONS_MAX: u32 = 100;
/// What a browser calls itself is kept up to this length.
const USER_AGENT_CHARS_MAX: usize = 200;

/// The hash under which a secret token is kept. Tokens have 256 bits of chance, so a plain hash is enough.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    blake3::derive_key("tidings v1 session token", token.as_bytes())
}

pub(super) async fn create_sign_in(batch: &mut Batch<'_, '_>) -> Result<Zeroizing<String>, Halt> {
    let token = token(batch);
    let oldest_ms = batch.now_ms.saturating_sub(SIGN_IN_MS_MAX);
    batch.tx.put_sign_in(&token_hash(&token), batch.now_ms, oldest_ms).await?;
    Ok(token)
}

pub(super) async fn sign_in(batch: &mut Batch<'_, '_>, token: &str, user_agent: &str) -> Result<NewSession, Halt> {
    let oldest_ms = batch.now_ms.saturating_sub(SIGN_IN_MS_MAX);
    if !batch.tx.take_sign_in(&token_hash(token), oldest_ms).await? {
        return Err(Refused::NotSignedIn.into());
    }
    let secret = self::token(batch);
    let session = Session {
        id: SessionId(batch.random()),
        user_agent: user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect(),
        created_at_ms: batch.now_ms,
        last_used_at_ms: batch.now_ms,
    };
    batch.tx.put_session(&token_hash(&secret), &session, SESSIONS_MAX).await?;
    Ok(NewSession { id: session.id, token: secret.to_string() })
}

pub(super) async fn touch(batch: &mut Batch<'_, '_>, id: SessionId) -> Result<(), Halt> {
    Ok(batch.tx.touch_session(id, batch.now_ms).await?)
}

pub(super) async fn revoke(batch: &mut Batch<'_, '_>, id: SessionId) -> Result<(), Halt> {
    if batch.tx.delete_session(id).await? { Ok(()) } else { Err(Refused::NotSignedIn.into()) }
}

fn token(batch: &mut Batch<'_, '_>) -> Zeroizing<String> {
    let bytes = Zeroizing::new(batch.random::<32>());
    Zeroizing::new(BASE64URL_NOPAD.encode(bytes.as_slice()))
}
