//! Clocks that are wrong for a while: nothing is lost by them.

use tidings_node::engine::Command;
use tidings_node::handle::StorageLimits;
use tidings_node::ids::ConversationId;
use tidings_tests::faults::Faults;
use tidings_tests::world::{Place, World};

use super::stage::{
    add, ask, assert_same, block_on, create, cut, people, remove, rename, run_for, send, texts, walkers,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

/// The clock of a node is wrong for so long; the node notices within a minute, either time.
async fn be_wrong(world: &mut World, at: Place, off_ms: i64, for_ms: u64) {
    world.set_clock_at(world.now_ms(), at, off_ms);
    run_for(world, for_ms).await;
    world.set_clock_at(world.now_ms(), at, 0);
    run_for(world, 2 * MINUTE_MS).await;
}

/// Since when all clocks are.
fn to_1970(world: &World) -> i64 {
    -i64::try_from(world.now_ms()).unwrap()
}

async fn keep_for_days(world: &mut World, at: Place, days: u32) {
    let limits = StorageLimits { keep_days: Some(days), ..StorageLimits::default() };
    ask(world, at, Command::SetStorage(limits)).await.unwrap();
}

async fn two(seed: u64) -> (World, ConversationId) {
    let mut world = World::new(seed, 2, Faults::NONE).await.unwrap();
    world.exchange_links(0, 1).await.unwrap();
    run_for(&mut world, 5_000).await;
    let id = create(&mut world, &[1], None).await;
    run_for(&mut world, 20_000).await;
    (world, id)
}

#[test]
fn a_clock_that_is_a_year_ahead_for_a_day_expires_no_message() {
    block_on(async {
        let (mut world, id) = two(61).await;
        send(&mut world, 1, id, "kept for a month").await;
        run_for(&mut world, 10_000).await;
        keep_for_days(&mut world, 0, 30).await;
        be_wrong(&mut world, 0, YEAR_MS, DAY_MS).await;
        assert_eq!(texts(&mut world, 0, id).await, ["kept for a month"]);
        // Nor does it if the node starts meanwhile.
        world.set_clock_at(world.now_ms(), 0, YEAR_MS);
        run_for(&mut world, 10).await;
        world.crash(0).unwrap();
        world.start(0).await.unwrap();
        run_for(&mut world, 2 * HOUR_MS).await;
        assert_eq!(texts(&mut world, 0, id).await, ["kept for a month"]);
        world.set_clock_at(world.now_ms(), 0, 0);
        run_for(&mut world, HOUR_MS).await;
        assert_eq!(texts(&mut world, 0, id).await, ["kept for a month"]);
        // When its time is over it goes all the same.
        run_for(&mut world, 31 * DAY_MS).await;
        assert!(texts(&mut world, 0, id).await.is_empty());
    });
}

#[test]
fn what_came_while_the_clock_said_1970_is_kept_for_its_time() {
    block_on(async {
        let (mut world, id) = two(62).await;
        keep_for_days(&mut world, 0, 30).await;
        let off_ms = to_1970(&world);
        world.set_clock_at(world.now_ms(), 0, off_ms);
        run_for(&mut world, 2 * MINUTE_MS).await;
        send(&mut world, 1, id, "written in the dark").await;
        run_for(&mut world, 10_000).await;
        assert_eq!(texts(&mut world, 0, id).await, ["written in the dark"]);
        world.set_clock_at(world.now_ms(), 0, 0);
        run_for(&mut world, 2 * DAY_MS).await;
        assert_eq!(texts(&mut world, 0, id).await, ["written in the dark"]);
    });
}

#[test]
fn after_a_long_sleep_what_is_too_old_goes_once_somebody_says_what_time_it_is() {
    block_on(async {
        let (mut world, id) = two(63).await;
        send(&mut world, 1, id, "of before").await;
        run_for(&mut world, 10_000).await;
        keep_for_days(&mut world, 0, 30).await;
        cut(&mut world, 0, false);
        world.crash(0).unwrap();
        run_for(&mut world, 60 * DAY_MS).await;
        world.start(0).await.unwrap();
        run_for(&mut world, 2 * HOUR_MS).await;
        assert_eq!(texts(&mut world, 0, id).await, ["of before"]);
        cut(&mut world, 0, true);
        run_for(&mut world, MINUTE_MS).await;
        send(&mut world, 1, id, "of today").await;
        run_for(&mut world, 2 * HOUR_MS).await;
        assert_eq!(texts(&mut world, 0, id).await, ["of today"]);
    });
}

#[test]
fn a_mailbox_whose_clock_is_wrong_for_a_day_keeps_what_waits_in_it() {
    for off in [-60, -1, 1, 10] {
        block_on(async {
            let mut world = Box::pin(people(64, 3)).await;
            world.serve_mailboxes(2, true).await.unwrap();
            world.exchange_links(1, 2).await.unwrap();
            let of = tidings_node::engine::MailboxOf::Contact(world.account(2).unwrap());
            ask(&mut world, 1, Command::UseMailbox(of)).await.unwrap();
            run_for(&mut world, 10_000).await;
            let id = create(&mut world, &[1], None).await;
            run_for(&mut world, 20_000).await;
            world.crash(1).unwrap();
            let off_ms = if off == -60 { to_1970(&world) } else { off * YEAR_MS };
            world.set_clock_at(world.now_ms(), 2, off_ms);
            run_for(&mut world, 2 * MINUTE_MS).await;
            send(&mut world, 0, id, "while you were away").await;
            run_for(&mut world, 10 * MINUTE_MS).await;
            world.crash(0).unwrap();
            run_for(&mut world, DAY_MS).await;
            world.set_clock_at(world.now_ms(), 2, 0);
            run_for(&mut world, 2 * DAY_MS).await;
            world.start(1).await.unwrap();
            run_for(&mut world, MINUTE_MS).await;
            assert_eq!(texts(&mut world, 1, id).await, ["while you were away"], "{off}");
        });
    }
}

#[test]
fn a_group_goes_on_although_a_members_clock_is_wrong_for_a_day() {
    for off in [-60, -1, 1, 20] {
        block_on(async {
            let (mut world, id) = Box::pin(walkers(65, 4)).await;
            run_for(&mut world, 20_000).await;
            let off_ms = if off == -60 { to_1970(&world) } else { off * YEAR_MS };
            be_wrong(&mut world, 0, off_ms, DAY_MS).await;
            assert_same(&mut world, &[0, 1, 2, 3], id).await;
            // What it changes meanwhile is there for all, at the latest when its clock is right.
            world.set_clock_at(world.now_ms(), 0, off_ms);
            run_for(&mut world, 2 * MINUTE_MS).await;
            ask(&mut world, 0, rename(id, "Wrong")).await.unwrap();
            send(&mut world, 0, id, "from another time").await;
            run_for(&mut world, HOUR_MS).await;
            send(&mut world, 1, id, "from this one").await;
            world.set_clock_at(world.now_ms(), 0, 0);
            run_for(&mut world, 3 * HOUR_MS).await;
            remove(&mut world, 0, id, 3).await;
            run_for(&mut world, MINUTE_MS).await;
            add(&mut world, 0, id, 3).await;
            run_for(&mut world, MINUTE_MS).await;
            assert_same(&mut world, &[0, 1, 2], id).await;
            let texts = texts(&mut world, 2, id).await;
            for text in ["from another time", "from this one"] {
                assert_eq!(texts.iter().filter(|one| *one == text).count(), 1, "{off}: {texts:?}");
            }
        });
    }
}
