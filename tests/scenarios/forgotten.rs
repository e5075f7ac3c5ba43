//! What a node has forgotten is not in its files any more.

use std::collections::BTreeMap;
use std::path::Path;

use tidings_crypto::envelope::EpochId;
use tidings_tests::home;
use tidings_tests::world::{self, World};

use super::stage::{block_on, create, group, rename, run_for, send};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

type Sealed = BTreeMap<EpochId, (Vec<u8>, Vec<Vec<u8>>)>;

/// The database of the first node with its log, decrypted, and the log's index.
fn files(folder: &Path) -> Vec<u8> {
    let pages = home::pages(&folder.join("0.db"), &world::key()).unwrap();
    [pages, std::fs::read(folder.join("0.db-shm")).unwrap_or_default()].concat()
}

/// Looks for the beginning of these bytes: a long value goes on on another page.
fn holds(files: &[u8], bytes: &[u8]) -> bool {
    let bytes = &bytes[..bytes.len().min(64)];
    let first = bytes[0];
    let starts = files.iter().enumerate().filter(|(_, byte)| **byte == first);
    starts.map(|(at, _)| &files[at..]).any(|rest| rest.starts_with(bytes))
}

async fn sealed(world: &mut World) -> Sealed {
    world.engine(0).unwrap().reader().sealed_epochs().await.unwrap()
}

#[test]
fn the_keys_of_forgotten_epochs_are_in_no_file_of_the_database() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut world = World::on_disk(601, 3, folder.path()).await.unwrap();
        world.exchange_links(0, 1).await.unwrap();
        world.exchange_links(0, 2).await.unwrap();
        run_for(&mut world, 5_000).await;
        let id = create(&mut world, &[1, 2], Some("Walking")).await;
        run_for(&mut world, 60_000).await;
        for round in 0..12 {
            group(&mut world, 0, rename(id, &format!("Walking {round}"))).await.unwrap();
            send(&mut world, 1, id, "a message that moves the ratchet").await;
            run_for(&mut world, 60_000).await;
        }
        let before = sealed(&mut world).await;
        let found = files(folder.path());
        for (key, values) in before.values() {
            assert!(holds(&found, key), "what is there can be found");
            assert!(values.iter().all(|value| holds(&found, value)));
        }

        run_for(&mut world, 9 * DAY_MS).await;
        let now = sealed(&mut world).await;
        let forgotten: Vec<_> = before.iter().filter(|(epoch, _)| !now.contains_key(epoch)).collect();
        assert!(forgotten.len() >= 12, "a week after the group settled on what followed: {}", forgotten.len());
        let found = files(folder.path());
        assert!(now.values().all(|(key, _)| holds(&found, key)), "the files are what the node reads");
        for (_, (key, values)) in forgotten {
            assert!(!holds(&found, key), "a forgotten key is still there");
            assert!(!values.iter().any(|value| holds(&found, value)), "what it sealed is still there");
        }
    });
}
