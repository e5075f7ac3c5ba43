//! What crosses the local door about API tokens.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// An API token: what a program may do that brings it. Its text is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct Token {
    /// Names it without giving it away.
    pub token: String,
    /// What the owner called it.
    pub name: String,
    /// Whether it may read.
    pub read: bool,
    /// Whether it may write.
    pub write: bool,
    /// The conversations in which it is good; all, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub conversations: Option<Vec<String>>,
    /// When it was made.
    pub created_at_ms: u64,
    /// When it ends; never, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_at_ms: Option<u64>,
    /// When it was last used, to the minute; absent until it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub last_used_at_ms: Option<u64>,
}

/// Makes an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What to call it: 1 to 64 characters.
    pub name: String,
    /// Whether it may read.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub read: bool,
    /// Whether it may write.
    #[serde(default)]
    #[ts(as = "Option<bool>", optional)]
    pub write: bool,
    /// The conversations in which it is good, 1 to 64; all, those to come as well, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub conversations: Option<Vec<String>>,
    /// In how long it ends, ten years at the most; never, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub expires_in_ms: Option<u64>,
}

/// A fresh API token. Its text is told here and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct MadeToken {
    /// What goes into the header `Authorization: Bearer …`: `tidings_` and 43 characters.
    pub text: String,
    /// What it may do.
    #[serde(flatten)]
    pub token: Token,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken").field("token", &self.token).finish_non_exhaustive()
    }
}
