//! What crosses the local door about bundles.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::{IntoParams, ToSchema};

/// For whom a bundle is; nobody and nothing named: for everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct BundleQuery {
    /// Accounts of contacts, separated by commas.
    #[serde(default)]
    pub contacts: String,
    /// Conversations, separated by commas.
    #[serde(default)]
    pub conversations: String,
}

/// What became of what a bundle carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS, ToSchema)]
pub struct BundleTaken {
    /// For this node, and new.
    pub new: u64,
    /// For this node, and here before.
    pub known: u64,
    /// For this node, and not readable yet.
    pub later: u64,
    /// For this node, and of no use to it any more.
    pub useless: u64,
    /// For others.
    pub others: u64,
}
