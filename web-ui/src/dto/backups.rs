//! What crosses the local door about backups.

use serde::Deserialize;
use utoipa::ToSchema;

/// Asks for a backup.
#[derive(Deserialize, ToSchema)]
pub struct NewBackup {
    /// What opens it again; it is asked for when the backup is restored, and is kept nowhere.
    #[schema(min_length = 1)]
    pub passphrase: String,
}

impl std::fmt::Debug for NewBackup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewBackup").finish_non_exhaustive()
    }
}
