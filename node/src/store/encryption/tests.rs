use tempfile::TempDir;

use super::*;
use crate::store::Store;

const SECRET: &[u8] = b"the tomatoes are in the third bed";

fn key() -> DatabaseKey {
    DatabaseKey::from_bytes([7; 32])
}

fn run<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(what)
}

/// All that lies in a folder, in one.
fn bytes_of(folder: &TempDir) -> Vec<u8> {
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    files.flat_map(|file| fs::read(file).unwrap()).collect()
}

fn names_of(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

async fn with_secret(file: &Path) -> Store {
    let mut store = Store::open(file, key()).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.set_setting("name", SECRET).await.unwrap();
    tx.commit().await.unwrap();
    store
}

async fn secret_of(file: &Path) -> Vec<u8> {
    let mut store = Store::open(file, key()).await.unwrap();
    let secret = store.begin().await.unwrap().setting("name").await.unwrap().unwrap();
    store.close().await;
    secret
}

/// A database as earlier versions kept it: every table, in the clear.
async fn in_the_clear(file: &Path) {
    with_secret(file).await.close().await;
    let clear = file.with_extension("made");
    File::create(&clear).unwrap();
    let mut connection =
        SqliteConnection::connect_with(&with_key(SqliteConnectOptions::new().filename(file), &key())).await.unwrap();
    sqlx::query("ATTACH DATABASE ?1 AS made KEY ''")
        .bind(clear.to_str().unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("SELECT sqlcipher_export('made')").execute(&mut connection).await.unwrap();
    sqlx::query("DETACH DATABASE made").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    fs::rename(clear, file).unwrap();
    assert!(holds(&fs::read(file).unwrap(), SECRET));
}

#[test]
fn nothing_readable_lies_on_the_disk_while_it_is_open_or_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        let store = with_secret(&file).await;
        let open = bytes_of(&folder);
        assert!(open.len() > 100_000, "the log is there as well");
        for readable in [SECRET, b"setting", b"CREATE TABLE", b"_sqlx_migrations", IN_THE_CLEAR] {
            assert!(!holds(&open, readable), "{}", String::from_utf8_lossy(readable));
        }
        let shown = format!("{store:?}");
        assert!(!shown.contains(key().of_file().as_str()), "{shown}");
        store.close().await;
        assert!(!holds(&bytes_of(&folder), SECRET));
        assert_eq!(secret_of(&file).await, SECRET);
    });
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        with_secret(&file).await.close().await;
        let before = fs::read(&file).unwrap();
        let other = DatabaseKey::from_bytes([8; 32]);
        assert!(matches!(Store::look_at(&file, &other, true).await, Err(StoreError::Corrupt { .. })));
        let opened = Store::open(&file, other).await;
        assert!(matches!(opened, Err(StoreError::Corrupt { .. })), "{opened:?}");
        assert_eq!(fs::read(&file).unwrap(), before);
    });
}

#[test]
fn a_page_that_was_changed_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        with_secret(&file).await.close().await;
        let whole = fs::read(&file).unwrap();
        Store::look_at(&file, &key(), true).await.unwrap();
        for at in [5_000, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&file, &changed).unwrap();
            let looked = Store::look_at(&file, &key(), true).await;
            assert!(matches!(looked, Err(StoreError::Corrupt { .. })), "at {at}: {looked:?}");
        }
    });
}

#[test]
fn a_copy_is_encrypted_under_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("tidings.db"), folder.path().join("copy.db"));
    run(async {
        let store = with_secret(&file).await;
        store.reader().copy_into(&copy).await.unwrap();
        store.close().await;
        assert!(!holds(&fs::read(&copy).unwrap(), SECRET));
        assert_eq!(secret_of(&copy).await, SECRET);
    });
}

#[test]
fn a_database_in_the_clear_is_encrypted_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        in_the_clear(&file).await;
        Store::look_at(&file, &key(), true).await.unwrap();
        assert_eq!(secret_of(&file).await, SECRET);
        assert!(!holds(&bytes_of(&folder), SECRET));
        assert_eq!(names_of(&folder), ["tidings.db"]);
    });
}

#[test]
fn what_the_log_of_a_database_in_the_clear_held_is_in_the_encrypted_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        in_the_clear(&file).await;
        let options = SqliteConnectOptions::new().filename(&file).journal_mode(SqliteJournalMode::Wal);
        let mut crashed = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("UPDATE setting SET value = x'6c61746572' WHERE name = 'name'")
            .execute(&mut crashed)
            .await
            .unwrap();
        // As a process leaves it that was killed.
        let aside = tempfile::tempdir().unwrap();
        for end in ["", "-wal"] {
            let name = format!("tidings.db{end}");
            fs::copy(folder.path().join(&name), aside.path().join(&name)).unwrap();
        }
        assert!(fs::metadata(aside.path().join("tidings.db-wal")).unwrap().len() > 0);
        let file = aside.path().join("tidings.db");
        assert_eq!(secret_of(&file).await, b"later");
        assert_eq!(names_of(&aside), ["tidings.db"]);
    });
}

#[test]
fn an_encryption_that_was_cut_off_is_done_again_or_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        // Cut off while it copied, and before the copy took the file's place.
        in_the_clear(&file).await;
        fs::write(named(&file, COPY), b"half a copy").unwrap();
        fs::hard_link(&file, named(&file, OLD)).unwrap();
        assert_eq!(secret_of(&file).await, SECRET);
        assert_eq!(names_of(&folder), ["tidings.db"]);
        assert!(!holds(&bytes_of(&folder), SECRET));
        // Cut off before the old file was written over: whoever still has it open sees zeros.
        fs::write(named(&file, OLD), SECRET).unwrap();
        let mut left = File::open(named(&file, OLD)).unwrap();
        assert_eq!(secret_of(&file).await, SECRET);
        assert_eq!(names_of(&folder), ["tidings.db"]);
        let mut bytes = Vec::new();
        left.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, vec![0; SECRET.len()]);
    });
}

#[test]
fn a_database_in_the_clear_that_is_damaged_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidings.db");
    run(async {
        in_the_clear(&file).await;
        let mut bytes = fs::read(&file).unwrap();
        for page in bytes.chunks_mut(4_096).skip(1) {
            page[..16].fill(0xa5);
        }
        fs::write(&file, &bytes).unwrap();
        assert!(Store::open(&file, key()).await.is_err());
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert_eq!(names_of(&folder), ["tidings.db"]);
    });
}
