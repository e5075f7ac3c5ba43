//! What a test does to a home's database behind the node's back.

use std::path::Path;
use std::process::Command;

use sqlx::{Connection, SqliteConnection};

/// Leaves the database as a version that is not written yet would: with a migration that nobody knows.
pub(crate) fn make_newer(home: &Path) -> Result<(), String> {
    execute(
        home,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of a newer version', TRUE, X'00', 0)",
    )
}

/// Changes the database by one statement.
pub(crate) fn execute(home: &Path, statement: &str) -> Result<(), String> {
    let options = tidings_tests::home::database(home).map_err(|error| error.to_string())?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let changed = runtime.block_on(async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await?;
        connection.close().await
    });
    changed.map_err(|error| format!("{}: {error}", home.display()))
}

/// Puts the two homes into a folder that a version of this schema left behind.
pub(crate) fn take_kept(schema: &str, folder: &Path) -> Result<(), String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("kept").join(schema).with_extension("tar.gz");
    let status = Command::new("tar").arg("-C").arg(folder).arg("-xzf").arg(&file).status();
    let status = status.map_err(|error| format!("tar: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} cannot be unpacked", file.display())) }
}

/// Leaves the database as a disk may that has written elsewhere than it was told.
pub(crate) fn damage(home: &Path) -> Result<(), String> {
    const PAGE_BYTES: usize = 4_096;
    let file = home.join("tidings.db");
    let mut bytes = std::fs::read(&file).map_err(|error| error.to_string())?;
    for page in bytes.chunks_mut(PAGE_BYTES).skip(1) {
        for byte in page.iter_mut().take(16) {
            *byte ^= 0xa5;
        }
    }
    std::fs::write(&file, bytes).map_err(|error| error.to_string())
}
