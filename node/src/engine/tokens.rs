//! API tokens: made, used, revoked. Only hashes of their texts are kept.

use data_encoding::BASE64URL_NOPAD;
use zeroize::{Zeroize, Zeroizing};

use super::batch::{Batch, Halt};
use super::{Reply, TokenCommand};
use crate::handle::{
    MadeToken, NewToken, Refused, TOKEN_CONVERSATIONS_MAX, TOKEN_EXPIRES_MS_MAX, TOKEN_NAME_CHARS_MAX, TOKENS_MAX,
    Token, TokenReach,
};
use crate::ids::TokenId;

/// How every token begins, so that one that got lost is recognised for what it is.
const PREFIX: &str = "tidings_";
/// The base64url of 256 random bits.
const SECRET_CHARS: usize = 43;

/// The hash under which a token is kept. Tokens have 256 bits of chance, so a plain hash is enough.
pub(crate) fn hash_of(text: &str) -> [u8; 32] {
    blake3::derive_key("tidings v1 api token", text.as_bytes())
}

/// Whether a text has the shape of a token; what has not is not looked up.
pub(crate) fn is_shaped(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|secret| {
        secret.len() == SECRET_CHARS
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

pub(super) async fn command(batch: &mut Batch<'_, '_>, command: TokenCommand) -> Result<Reply, Halt> {
    match command {
        TokenCommand::Create(new) => Ok(Reply::ApiToken(Box::new(create(batch, new).await?))),
        TokenCommand::Touch(id) => {
            batch.tx.touch_token(id, batch.now_ms).await?;
            Ok(Reply::Done)
        }
        TokenCommand::Revoke(id) => {
            if batch.tx.delete_token(id).await? {
                Ok(Reply::Done)
            } else {
                Err(Refused::UnknownToken.into())
            }
        }
    }
}

async fn create(batch: &mut Batch<'_, '_>, new: NewToken) -> Result<MadeToken, Halt> {
    check(&new)?;
    if let TokenReach::Only(named) = &new.reach {
        for conversation in named {
            if batch.tx.conversation(*conversation).await?.is_none() {
                return Err(Refused::UnknownConversation.into());
            }
        }
    }
    if batch.tx.count_tokens(batch.now_ms).await? >= TOKENS_MAX {
        return Err(Refused::LimitReached { what: "API tokens", limit: TOKENS_MAX }.into());
    }
    let secret = Zeroizing::new(batch.random::<32>());
    let mut encoded = BASE64URL_NOPAD.encode(secret.as_slice());
    let text = Zeroizing::new(format!("{PREFIX}{encoded}"));
    encoded.zeroize();
    let token = Token {
        id: TokenId(batch.random()),
        name: new.name,
        may_read: new.may_read,
        may_write: new.may_write,
        reach: new.reach,
        created_at_ms: batch.now_ms,
        expires_at_ms: new.expires_in_ms.map(|in_ms| batch.now_ms.saturating_add(in_ms)),
        last_used_at_ms: None,
    };
    batch.tx.put_token(&hash_of(&text), &token).await?;
    Ok(MadeToken { token, text })
}

fn check(new: &NewToken) -> Result<(), Refused> {
    let chars = new.name.chars().count();
    let bad = |reason: String| Err(Refused::BadSetting(reason));
    if chars == 0
        || chars > TOKEN_NAME_CHARS_MAX
        || new.name.trim().is_empty()
        || new.name.chars().any(char::is_control)
    {
        return bad(format!(
            "a token's name has 1 to {TOKEN_NAME_CHARS_MAX} characters and no line breaks or control characters"
        ));
    }
    if !new.may_read && !new.may_write {
        return bad("a token may read, write, or both; this one may do nothing".to_owned());
    }
    if let TokenReach::Only(named) = &new.reach
        && (named.is_empty() || named.len() > TOKEN_CONVERSATIONS_MAX)
    {
        return bad(format!("a token is for 1 to {TOKEN_CONVERSATIONS_MAX} named conversations, or for all"));
    }
    if new.expires_in_ms.is_some_and(|in_ms| in_ms == 0 || in_ms > TOKEN_EXPIRES_MS_MAX) {
        return bad("a token that expires does so within ten years".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_prefix_with_forty_three_characters_of_base64url_has_the_shape_of_a_token() {
        let secret = BASE64URL_NOPAD.encode(&[0xff; 32]);
        assert_eq!(secret.len(), SECRET_CHARS);
        assert!(is_shaped(&format!("tidings_{secret}")));
        for text in ["", "tidings_", &secret, &format!("tidings_{secret}A"), &format!("tidings_{}+", "A".repeat(42))] {
            assert!(!is_shaped(text), "{text}");
        }
    }

    #[test]
    fn a_tokens_hash_is_not_that_of_a_session() {
        assert_ne!(hash_of("x"), super::super::door::token_hash("x"));
    }

    #[test]
    fn a_token_that_may_do_nothing_or_lasts_too_long_is_refused() {
        let good = NewToken {
            name: "A".repeat(64),
            may_read: true,
            may_write: false,
            reach: TokenReach::All,
            expires_in_ms: Some(TOKEN_EXPIRES_MS_MAX),
        };
        assert_eq!(check(&good), Ok(()));
        let bad = [
            NewToken { name: "A".repeat(65), ..good.clone() },
            NewToken { name: " ".to_owned(), ..good.clone() },
            NewToken { name: "a\nb".to_owned(), ..good.clone() },
            NewToken { may_read: false, ..good.clone() },
            NewToken { reach: TokenReach::Only(std::collections::BTreeSet::new()), ..good.clone() },
            NewToken { expires_in_ms: Some(0), ..good.clone() },
            NewToken { expires_in_ms: Some(TOKEN_EXPIRES_MS_MAX + 1), ..good },
        ];
        for new in bad {
            assert!(matches!(check(&new), Err(Refused::BadSetting(_))), "{new:?}");
        }
    }
}
