//! What a test does to a home's database behind the node's back.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

/// A file that begins with this is a database (SQLite file format §1.3.1).
const DATABASE_MAGIC: &[u8] = b"SQLite format 3\0";

/// Leaves the database as a version that is not written yet would: with a migration that nobody knows.
pub(crate) fn make_newer(home: &Path) -> Result<(), String> {
    let files = home.read_dir().map_err(|error| error.to_string())?.flatten().map(|entry| entry.path());
    let is_database = |file: &PathBuf| std::fs::read(file).is_ok_and(|content| content.starts_with(DATABASE_MAGIC));
    let database = files.filter(|file| file.is_file()).find(is_database).ok_or("there is no database")?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let changed = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(&database);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (9999, 'of a newer version', TRUE, X'00', 0)",
        )
        .execute(&mut connection)
        .await?;
        connection.close().await
    });
    changed.map_err(|error| format!("{}: {error}", database.display()))
}
