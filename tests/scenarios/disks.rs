//! Disks that lose power at any write, that fill, and that lie.

use tidings_disk::Full;
use tidings_node::engine::{Command, Reply};
use tidings_node::handle::{MessageState, Refused};
use tidings_node::ids::MessageId;
use tidings_tests::faults::Faults;
use tidings_tests::schedule::{self, Report, Size};
use tidings_tests::world::{Fate, World};

use super::stage::{block_on, message};

const POWER: Faults = Faults { power: true, ..Faults::NONE };

fn runs(seeds: impl Iterator<Item = u64>, faults: Faults) -> Vec<(u64, anyhow::Result<Report>)> {
    seeds.map(|seed| (seed, block_on(schedule::run(seed, 3, faults, Size::Small)))).collect()
}

#[test]
fn whatever_is_being_written_when_power_goes_nothing_that_was_acknowledged_is_missing() {
    let mut cuts = 0;
    for (seed, report) in runs((0..24).map(|number| number * 61), POWER) {
        let report = report.unwrap();
        assert!(
            report.is_clean(),
            "{report:#?}: cargo run --release -p tidings-tests --bin simulate -- --seeds {seed} --nodes 3 \
             --faults power --size small --findings"
        );
        cuts += report.cuts.values().sum::<u64>();
    }
    assert!(cuts >= 24, "power went {cuts} times");
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let lying = Faults { lie: true, ..POWER };
    let found = runs(0..12, lying).into_iter().filter(|(_, report)| !report.as_ref().is_ok_and(Report::is_clean));
    assert!(found.count() > 0);
}

#[test]
fn a_full_disk_loses_nothing_and_goes_on_when_there_is_room() {
    let mut fills = 0;
    for (seed, report) in runs(0..12, Faults { full: true, ..Faults::NONE }) {
        let report = report.unwrap();
        assert!(
            report.is_clean(),
            "{report:#?}: cargo run --release -p tidings-tests --bin simulate -- --seeds {seed} --nodes 3 \
             --faults full --size small --findings"
        );
        fills += report.fills;
    }
    assert!(fills >= 12, "disks were full {fills} times");
}

#[test]
fn the_same_seed_cuts_the_power_at_the_same_writes() {
    let faults = Faults { power: true, full: true, crash: true, ..Faults::NONE };
    let [one, other] = [(); 2].map(|()| block_on(schedule::run(3, 3, faults, Size::Small)).unwrap());
    assert_eq!(one, other);
}

#[test]
fn a_full_disk_is_told_to_who_asks_and_reading_goes_on() {
    block_on(async {
        // By this seed the disk that can fill is that of the first node.
        let mut world = World::new(0, 2, Faults { full: true, ..Faults::NONE }).await.unwrap();
        world.set_faults(false);
        world.exchange_links(0, 1).await.unwrap();
        let contacts = vec![world.account(1).unwrap()];
        let created = world.command(0, Command::CreateConversation { contacts, name: None }).await.unwrap();
        let Fate::Answered(Ok(Reply::Conversation(conversation))) = created else { panic!("{created:?}") };
        let settled_ms = world.now_ms() + 20_000;
        world.run_until(settled_ms).await.unwrap();

        let disk = world.disk(0).unwrap();
        for full in [Full::NoGrowth, Full::NoWrites] {
            disk.fill(Some(0), full);
            // A log that was there already has room for a few.
            let mut refused = false;
            for number in 0..200 {
                let new = message(conversation.id, &format!("{full:?} {number}"));
                match world.command(0, Command::Send(new)).await.unwrap() {
                    Fate::Answered(Ok(_)) => assert!(!refused, "nothing is accepted by a full disk"),
                    Fate::Answered(Err(why)) => {
                        assert_eq!(why, Refused::DiskFull);
                        refused = true;
                    }
                    other @ Fate::Unanswered => panic!("{other:?}"),
                }
            }
            assert!(refused && world.engine(0).unwrap().is_full());
            let card = world.command(0, Command::Card).await.unwrap();
            assert!(matches!(card, Fate::Answered(Ok(Reply::Card(_)))), "{card:?}");
            let new = message(conversation.id, &format!("into {full:?}"));
            let sent = world.command(1, Command::Send(new)).await.unwrap();
            let Fate::Answered(Ok(Reply::Message(sent))) = sent else { panic!("{sent:?}") };
            let later_ms = world.now_ms() + 100_000;
            world.run_until(later_ms).await.unwrap();
            assert_eq!(state_of(&mut world, 1, sent.id).await, MessageState::Queued);
            assert!(world.engine(0).unwrap().is_full());

            disk.fill(None, full);
            let later_ms = world.now_ms() + 200_000;
            world.run_until(later_ms).await.unwrap();
            assert!(!world.engine(0).unwrap().is_full());
            assert_eq!(state_of(&mut world, 1, sent.id).await, MessageState::Delivered);
            let again = world.command(0, Command::Send(message(conversation.id, "there is room"))).await.unwrap();
            assert!(matches!(again, Fate::Answered(Ok(Reply::Message(_)))), "{again:?}");
        }
        assert_eq!(world.engine(0).unwrap().unsettled().await.unwrap().parked, 0);
    });
}

async fn state_of(world: &mut World, at: usize, id: MessageId) -> MessageState {
    let engine = world.engine(at).unwrap();
    let me = engine.me();
    engine.reader().message_detail(id, &me).await.unwrap().unwrap().message.state
}
