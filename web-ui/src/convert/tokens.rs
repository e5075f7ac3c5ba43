//! API tokens, both ways.

use tidings_node::handle;

use crate::dto;
use crate::error::Error;

impl From<handle::Token> for dto::Token {
    fn from(token: handle::Token) -> Self {
        let conversations = match token.reach {
            handle::TokenReach::All => None,
            handle::TokenReach::Only(named) => Some(named.iter().map(ToString::to_string).collect()),
        };
        Self {
            token: token.id.to_string(),
            name: token.name,
            read: token.may_read,
            write: token.may_write,
            conversations,
            created_at_ms: token.created_at_ms,
            expires_at_ms: token.expires_at_ms,
            last_used_at_ms: token.last_used_at_ms,
        }
    }
}

/// What to make, from what was asked for.
pub(crate) fn new_token(new: dto::NewToken) -> Result<handle::NewToken, Error> {
    let reach = match new.conversations {
        None => handle::TokenReach::All,
        Some(named) => handle::TokenReach::Only(named.iter().map(|id| id.parse()).collect::<Result<_, _>>()?),
    };
    Ok(handle::NewToken {
        name: new.name,
        may_read: new.read,
        may_write: new.write,
        reach,
        expires_in_ms: new.expires_in_ms,
    })
}
