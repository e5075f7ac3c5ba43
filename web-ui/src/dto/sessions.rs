//! What crosses the local door about signing in: links, tokens, and the browsers that are signed in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// A fresh sign-in link: good for an hour and for one use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct SignInLink {
    /// The link: the token is in its fragment, which browsers send to nobody.
    pub url: String,
}

/// Trades a one-time token for a session.
#[derive(Clone, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The token from a sign-in link's fragment.
    pub token: String,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Session {
    /// Names it without giving it away.
    pub session: String,
    /// What it said it was.
    pub user_agent: String,
    /// When it signed in.
    pub created_at_ms: u64,
    /// When it was last used, to the minute.
    pub last_used_at_ms: u64,
    /// Whether it is the browser that asks.
    pub current: bool,
}
