//! What a node remembers: one SQLite file, encrypted page by page, one writer, a pool of readers.
//!
//! The writer is a [`Tx`]: everything that one batch of inputs decides is committed together or not at all. Reads for
//! the page and the command line go through [`Reader`] and never wait for the writer. SQL is written nowhere else.

mod backup;
mod bundles;
mod changes;
mod contacts;
mod conversations;
mod encryption;
mod envelopes;
mod erase;
mod groups;
mod held;
mod identities;
mod integrity;
mod invites;
mod mailbox;
mod messages;
mod outbox;
mod packages;
mod recipients;
mod sent;
mod sessions;
mod settings;
mod storage;
mod strangers;
mod tokens;
mod transaction;
mod views;
mod welcomes;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, QueryBuilder, Sqlite};
use tidings_crypto::vault::DatabaseKey;

pub use self::backup::Contents;
pub(crate) use self::backup::RESTORED;
pub use self::changes::{IntentRow, LineRow};
pub use self::contacts::ContactRow;
pub use self::conversations::{ConversationKind, ConversationRow, MemberRow};
pub(crate) use self::encryption::wipe;
pub use self::envelopes::{Parked, ParkedBy};
pub use self::groups::{EpochKeys, GroupRow};
pub use self::held::{Gift, HeldAt, Keeper};
pub use self::identities::ProofRow;
pub use self::invites::{JoinRequestRow, JoiningRow};
pub use self::mailbox::{Depositable, MailboxRow, TallyRow};
pub use self::messages::{MessageRow, RowKind};
pub use self::outbox::{Due, OutboxRow, Taken};
pub use self::packages::{KeyPackageRow, KeyPackageUse};
pub use self::sent::{SentRow, SentText, SentTogether};
pub use self::strangers::RequestRow;
use self::transaction::Transaction;
pub use self::views::Me;
pub(crate) use self::views::unnamed;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// How many pages of history, lists and the like can be read at once.
const READERS_MAX: u32 = 4;
/// The write-ahead log is cut to this whenever it begins anew.
const LOG_BYTES_MAX: &str = "4194304";
/// Rows a statement, in falling order, so that few distinct statements are prepared.
const ROWS_A_STATEMENT: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Why the store did not do what was asked. But for a full disk, a store that cannot commit stops the node.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full; the batch was not committed.
    #[error("the disk is full")]
    DiskFull,
    /// The file was written by a newer version.
    #[error("the database has schema {found}; this version knows {known}")]
    Newer {
        /// Its schema.
        found: i64,
        /// The newest schema known here.
        known: i64,
    },
    /// The file is damaged.
    #[error("the database is damaged: {found}")]
    Corrupt {
        /// What SQLite found first.
        found: String,
    },
    /// A row does not say what this version wrote.
    #[error("the database holds a damaged {what}")]
    Damaged {
        /// What kind of row.
        what: &'static str,
    },
    /// SQLite says no.
    #[error("the database failed: {reason}")]
    Failed {
        /// SQLite's words.
        reason: String,
    },
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let code = code.and_then(|code| code.parse::<u32>().ok()).unwrap_or(0);
        match (code, code % PRIMARY) {
            (NO_ROOM_FOR_LOCKS, _) | (_, FULL) => Self::DiskFull,
            (_, CORRUPT | NO_DATABASE) => Self::Corrupt { found: error.to_string() },
            _ => Self::Failed { reason: error.to_string() },
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::Failed { reason: other.to_string() },
        }
    }
}

// What SQLite calls its failures: https://www.sqlite.org/rescode.html
/// A code modulo this is the primary one.
const PRIMARY: u32 = 256;
/// `SQLITE_FULL`.
const FULL: u32 = 13;
/// `SQLITE_IOERR_SHMSIZE`: the memory that the log's readers share lies in a file.
const NO_ROOM_FOR_LOCKS: u32 = 4_874;
/// `SQLITE_CORRUPT`.
const CORRUPT: u32 = 11;
/// `SQLITE_NOTADB`.
const NO_DATABASE: u32 = 26;

/// How many prepared statements a connection keeps: more than there are in this folder, so that none is prepared twice.
const STATEMENTS_CACHED: usize = 512;

/// The open database.
#[derive(Debug)]
pub struct Store {
    writer: SqliteConnection,
    /// Whether the writer's transaction has begun and not ended.
    has_begun: bool,
    reader: Reader,
    key: Arc<DatabaseKey>,
    /// Whether it is a file with a write-ahead log.
    has_log: bool,
    erasing: erase::Erasing,
}

/// Reads for the page, the API and the command line. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: SqlitePool,
}

impl Store {
    /// Opens the file, making, encrypting or migrating it. Nothing is changed when it is from a newer version.
    pub async fn open(file: &Path, key: DatabaseKey) -> Result<Self, StoreError> {
        if encryption::is_in_the_clear(file)? {
            Self::look_at(file, &key, false).await?;
        }
        encryption::encrypt(file, &key).await?;
        Ok(Self { has_log: true, ..Self::connect(in_file(file, &key), key).await? })
    }

    /// The same through a file layer that SQLite knows under this name: for tests of what a disk can do.
    pub async fn open_through(layer: &'static str, file: &Path, key: DatabaseKey) -> Result<Self, StoreError> {
        Ok(Self { has_log: true, ..Self::connect(in_file(file, &key).vfs(layer), key).await? })
    }

    /// A database that lives as long as this value: for the simulator. `name` tells databases of one process apart.
    pub async fn open_in_memory(name: &str, key: DatabaseKey) -> Result<Self, StoreError> {
        let file = PathBuf::from(format!("file:tidings-{name}?mode=memory&cache=shared"));
        let options = SqliteConnectOptions::new()
            .filename(file)
            .in_memory(true)
            .shared_cache(true)
            .statement_cache_capacity(STATEMENTS_CACHED);
        Self::connect(options, key).await
    }

    async fn connect(options: SqliteConnectOptions, key: DatabaseKey) -> Result<Self, StoreError> {
        let mut writer = SqliteConnection::connect_with(&options).await?;
        refuse_newer(&mut writer).await?;
        MIGRATIONS.run_direct(None, &mut writer, false).await?;
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .test_before_acquire(false) // There is no server that could have gone away.
            .connect_lazy_with(options);
        let (key, erasing) = (Arc::new(key), erase::Erasing::default());
        Ok(Self { writer, has_begun: false, reader: Reader { pool }, key, has_log: false, erasing })
    }

    /// Empties a database in memory as if it were new, and keeps what is prepared: for the simulator, whose schedules
    /// would otherwise spend a third of their time on schemas and on preparing statements.
    pub async fn empty(&mut self) -> Result<(), StoreError> {
        let mut transaction = Transaction::new(&mut self.writer, &mut self.has_begun).await?;
        // The counters of row ids are a table as well.
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> '_sqlx_migrations'")
                .fetch_all(transaction.write().await?)
                .await?;
        // All in one: between two threads each statement costs more than its work. No pragma: each voids what is prepared.
        let delete = format!("DELETE FROM {}", tables.join("; DELETE FROM "));
        sqlx::query(sqlx::AssertSqlSafe(delete)).execute(transaction.write().await?).await?;
        transaction.commit().await?;
        self.erasing = erase::Erasing::default();
        Ok(())
    }

    /// What reads go through.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// The one transaction of a batch.
    pub async fn begin(&mut self) -> Result<Tx<'_>, StoreError> {
        let transaction = Transaction::new(&mut self.writer, &mut self.has_begun).await?;
        Ok(Tx { transaction, key: Arc::clone(&self.key), pending: Pending::default() })
    }

    /// Closes the file; what was committed stays.
    pub async fn close(self) {
        self.reader.pool.close().await;
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "the database did not close cleanly");
        }
    }
}

/// How a file is opened.
fn in_file(file: &Path, key: &DatabaseKey) -> SqliteConnectOptions {
    encryption::with_key(SqliteConnectOptions::new(), key)
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "on")
        .pragma("journal_size_limit", LOG_BYTES_MAX)
        .busy_timeout(Duration::from_millis(erase::BUSY_MS.into()))
        .statement_cache_capacity(STATEMENTS_CACHED)
}

/// Refuses a database that a newer version migrated, before anything is written to it.
async fn refuse_newer(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let migrated: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
        .fetch_one(&mut *connection)
        .await?;
    if migrated == 0 {
        return Ok(());
    }
    let found: i64 =
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(connection).await?;
    if found > known { Err(StoreError::Newer { found, known }) } else { Ok(()) }
}

/// The one transaction of a batch. Rows that come in numbers are collected and written together by [`Tx::flush`].
#[derive(Debug)]
pub struct Tx<'store> {
    transaction: Transaction<'store>,
    key: Arc<DatabaseKey>,
    pending: Pending,
}

/// Rows that wait for [`Tx::flush`].
#[derive(Debug, Default)]
struct Pending {
    messages: Vec<MessageRow>,
    envelopes: Vec<envelopes::EnvelopeRow>,
    keepers: Vec<held::KeeperRow>,
    outbox: Vec<OutboxRow>,
    sent: Vec<SentRow>,
    groups: groups::PendingState,
    /// Whether an epoch was forgotten.
    forgot: bool,
}

impl Tx<'_> {
    /// Writes what was collected. Reads of this transaction see it from here on.
    pub async fn flush(&mut self) -> Result<(), StoreError> {
        self.flush_envelopes().await?;
        self.flush_keepers().await?;
        self.flush_messages().await?;
        self.flush_outbox().await?;
        self.flush_sent().await?;
        self.flush_group_state().await
    }

    /// Whether this transaction forgets an epoch: see [`Store::erase`].
    pub fn forgets(&self) -> bool {
        self.pending.forgot
    }

    /// Makes everything durable, or nothing.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.flush().await?;
        self.transaction.commit().await
    }

    /// Inserts rows in few statements. `head` ends before `VALUES`; `tail` may hold a conflict clause.
    async fn insert_rows<Row>(
        &mut self,
        head: &'static str,
        tail: &'static str,
        rows: &[Row],
        bind: impl Fn(sqlx::query_builder::Separated<'_, Sqlite, &'static str>, &Row),
    ) -> Result<(), StoreError> {
        let mut rest = rows;
        while !rest.is_empty() {
            let length = ROWS_A_STATEMENT.into_iter().find(|length| *length <= rest.len()).unwrap_or(1);
            let (now, later) = rest.split_at(length.min(rest.len()));
            let mut query = QueryBuilder::<Sqlite>::new(head);
            query.push_values(now, &bind);
            query.push(tail);
            query.build().execute(self.transaction.write().await?).await?;
            rest = later;
        }
        Ok(())
    }
}

/// A column's bytes as an id or key of fixed size.
fn fixed<const N: usize>(what: &'static str, bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(|_| StoreError::Damaged { what })
}

/// A number as SQLite keeps it: times, places and sequence numbers stay far below 2^63.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number from SQLite.
fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
