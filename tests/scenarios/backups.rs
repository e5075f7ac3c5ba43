//! Nodes whose disk is gone, and who were restored from a backup.

use std::path::Path;

use tidings_node::engine::Command;
use tidings_node::handle::{MessageState, Standing};
use tidings_node::ids::ConversationId;
use tidings_tests::world::{Place, World};

use super::stage::{assert_same, block_on, create, cut, group, rename, run_for, send, texts, transcript, view};

const ALICE: Place = 0;
const BOB: Place = 1;
const CAROL: Place = 2;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// As [`people`](super::stage::people), with their databases in files.
async fn people(seed: u64, count: usize, folder: &Path) -> World {
    let mut world = World::on_disk(seed, count, folder).await.unwrap();
    for other in 1..count {
        world.exchange_links(ALICE, other).await.unwrap();
    }
    run_for(&mut world, 5_000).await;
    world
}

async fn walkers(seed: u64, count: usize, folder: &Path) -> (World, ConversationId) {
    let mut world = Box::pin(people(seed, count, folder)).await;
    let others: Vec<Place> = (1..count).collect();
    let id = create(&mut world, &others, Some("Walking")).await;
    run_for(&mut world, MINUTE_MS).await;
    (world, id)
}

async fn state_at(world: &mut World, at: Place, id: ConversationId, text: &str) -> Option<MessageState> {
    transcript(world, at, id).await.iter().find(|message| message.text == text).map(|message| message.state)
}

#[test]
fn who_is_restored_reads_what_the_others_kept_and_is_read_again() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        let (mut world, id) = Box::pin(walkers(800, 3, folder.path())).await;
        send(&mut world, BOB, id, "before the backup").await;
        run_for(&mut world, MINUTE_MS).await;
        world.back_up(BOB, &copy).await.unwrap();

        // Three days, in which the others and Bob write, and all of it arrives; and the group changes.
        send(&mut world, ALICE, id, "on the first day").await;
        run_for(&mut world, DAY_MS).await;
        group(&mut world, ALICE, rename(id, "Hiking")).await.unwrap();
        send(&mut world, CAROL, id, "on the second day").await;
        run_for(&mut world, DAY_MS).await;
        send(&mut world, BOB, id, "what only the others keep").await;
        send(&mut world, ALICE, id, "on the third day").await;
        run_for(&mut world, DAY_MS).await;
        for text in ["on the first day", "on the third day"] {
            assert_eq!(state_at(&mut world, ALICE, id, text).await, Some(MessageState::Delivered));
        }

        // Bob is alone at first. What he writes is kept until he is back.
        cut(&mut world, BOB, false);
        world.go_on_with(BOB, &copy, true).await.unwrap();
        run_for(&mut world, MINUTE_MS).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::ComingBack);
        send(&mut world, BOB, id, "restored").await;
        run_for(&mut world, MINUTE_MS).await;
        assert_eq!(state_at(&mut world, BOB, id, "restored").await, Some(MessageState::Queued));
        cut(&mut world, BOB, true);
        run_for(&mut world, 3 * MINUTE_MS).await;

        let theirs = texts(&mut world, BOB, id).await;
        for text in ["before the backup", "on the first day", "on the second day", "on the third day", "restored"] {
            assert_eq!(theirs.iter().filter(|known| *known == text).count(), 1, "{text}: {theirs:?}");
        }
        assert_eq!(state_at(&mut world, BOB, id, "restored").await, Some(MessageState::Delivered));
        for at in [ALICE, CAROL] {
            let theirs = texts(&mut world, at, id).await;
            for text in ["restored", "what only the others keep"] {
                assert_eq!(theirs.iter().filter(|known| *known == text).count(), 1, "{text} at {at}: {theirs:?}");
            }
        }
        send(&mut world, BOB, id, "and on").await;
        send(&mut world, ALICE, id, "welcome back").await;
        run_for(&mut world, MINUTE_MS).await;
        assert_eq!(state_at(&mut world, BOB, id, "and on").await, Some(MessageState::Delivered));
        assert_eq!(state_at(&mut world, ALICE, id, "welcome back").await, Some(MessageState::Delivered));
        assert_same(&mut world, &[ALICE, CAROL], id).await;
        let authenticators = [
            world.engine(ALICE).unwrap().authenticator(id).await.unwrap(),
            world.engine(BOB).unwrap().authenticator(id).await.unwrap(),
        ];
        assert_eq!(authenticators[0], authenticators[1]);
        assert_eq!(view(&mut world, BOB, id).await.name, "Hiking");
        // A restart changes nothing of it.
        world.crash(BOB).unwrap();
        world.start(BOB).await.unwrap();
        run_for(&mut world, MINUTE_MS).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
    });
}

#[test]
fn two_who_talk_go_on_after_one_was_restored_in_the_epoch_of_the_backup() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        let mut world = Box::pin(people(801, 2, folder.path())).await;
        let id = create(&mut world, &[BOB], None).await;
        send(&mut world, ALICE, id, "first").await;
        run_for(&mut world, MINUTE_MS).await;
        world.back_up(BOB, &copy).await.unwrap();
        // With a key of an epoch that the backup has as well.
        send(&mut world, BOB, id, "with a key that the backup has").await;
        send(&mut world, ALICE, id, "second").await;
        run_for(&mut world, 2_000).await;
        world.go_on_with(BOB, &copy, true).await.unwrap();
        send(&mut world, BOB, id, "with another one").await;
        run_for(&mut world, 3 * MINUTE_MS).await;
        assert_eq!(state_at(&mut world, BOB, id, "with another one").await, Some(MessageState::Delivered));
        assert!(texts(&mut world, BOB, id).await.contains(&"second".to_owned()));
        let theirs = texts(&mut world, ALICE, id).await;
        for text in ["with a key that the backup has", "with another one"] {
            assert_eq!(theirs.iter().filter(|known| *known == text).count(), 1, "{theirs:?}");
        }
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
    });
}

#[test]
fn a_node_whose_backup_took_its_place_stops_coming_back() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (backup, original) = (folder.path().join("backup.db"), folder.path().join("original.db"));
        let (mut world, id) = Box::pin(walkers(802, 3, folder.path())).await;
        world.back_up(BOB, &backup).await.unwrap();
        send(&mut world, BOB, id, "as the original").await;
        run_for(&mut world, MINUTE_MS).await;
        world.back_up(BOB, &original).await.unwrap();
        world.go_on_with(BOB, &backup, true).await.unwrap();
        run_for(&mut world, 3 * MINUTE_MS).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
        assert!(!copied(&mut world).await);
        // The original runs again: it learns that it is not the one that is there.
        world.go_on_with(BOB, &original, false).await.unwrap();
        send(&mut world, ALICE, id, "to whoever is there").await;
        run_for(&mut world, 2 * 60 * MINUTE_MS).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::ComingBack);
        assert!(copied(&mut world).await);
        // Restored from its own backup, it takes the place again.
        let again = folder.path().join("again.db");
        world.back_up(BOB, &again).await.unwrap();
        world.go_on_with(BOB, &again, true).await.unwrap();
        run_for(&mut world, 3 * MINUTE_MS).await;
        assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
        assert!(!copied(&mut world).await);
        send(&mut world, BOB, id, "the only one").await;
        run_for(&mut world, MINUTE_MS).await;
        assert_eq!(state_at(&mut world, BOB, id, "the only one").await, Some(MessageState::Delivered));
    });
}

async fn copied(world: &mut World) -> bool {
    let command = Command::CheckUp { begin: false, places: Vec::new() };
    match super::stage::ask(world, BOB, command).await {
        Ok(tidings_node::engine::Reply::Checkup(checkup)) => checkup.copied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_restored_comes_into_what_began_after_the_backup() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy.db");
        let mut world = Box::pin(people(803, 3, folder.path())).await;
        world.back_up(BOB, &copy).await.unwrap();
        let pair = create(&mut world, &[BOB], None).await;
        let all = create(&mut world, &[BOB, CAROL], Some("Rowing")).await;
        for id in [pair, all] {
            send(&mut world, ALICE, id, "proved by the one that is gone").await;
        }
        run_for(&mut world, MINUTE_MS).await;
        world.go_on_with(BOB, &copy, true).await.unwrap();
        run_for(&mut world, MINUTE_MS).await;
        for id in [pair, all] {
            assert_eq!(view(&mut world, BOB, id).await.standing, Standing::Member);
            send(&mut world, ALICE, id, "to the one that was restored").await;
            send(&mut world, BOB, id, "from it").await;
        }
        run_for(&mut world, MINUTE_MS).await;
        for id in [pair, all] {
            for at in [ALICE, BOB] {
                let theirs = texts(&mut world, at, id).await;
                for text in ["to the one that was restored", "from it"] {
                    assert_eq!(theirs.iter().filter(|known| *known == text).count(), 1, "{text} at {at}: {theirs:?}");
                }
            }
            assert_eq!(state_at(&mut world, BOB, id, "from it").await, Some(MessageState::Delivered));
            assert_eq!(
                state_at(&mut world, ALICE, id, "to the one that was restored").await,
                Some(MessageState::Delivered)
            );
        }
    });
}
