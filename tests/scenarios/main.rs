//! The simulator in the ordinary tests: a range of schedules with every fault, and the schedules that once found a bug.
#![expect(clippy::unwrap_used, reason = "a failed test should say where")]

#[cfg(test)]
mod apart;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod clocks;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod engine;
#[cfg(test)]
mod forgotten;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod invites;
#[cfg(test)]
mod large;
#[cfg(test)]
mod mailbox;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod prekeys;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod wishes;

use tidings_tests::faults::Faults;
use tidings_tests::schedule::{self, Report, Size};

fn run(seed: u64, nodes: usize, faults: Faults, size: Size) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(schedule::run(seed, nodes, faults, size)).unwrap()
}

fn assert_clean(seed: u64, nodes: usize, faults: &str) {
    let report = run(seed, nodes, faults.parse().unwrap(), Size::Usual);
    assert!(
        report.is_clean(),
        "{report:#?}: cargo run --release -p tidings-tests --bin simulate -- --seeds {seed} --nodes {nodes} \
         --faults {faults} --findings"
    );
}

#[test]
fn whatever_fails_every_accepted_message_arrives_once_and_in_one_order() {
    // The seventh has weeks apart, and takes minutes without optimisation.
    for seed in (0..25).filter(|seed| *seed != 7) {
        assert_clean(seed, 3 + usize::try_from(seed % 4).unwrap(), "all");
    }
}

#[test]
fn each_fault_alone_loses_nothing() {
    for (seed, faults) in (0..).zip([
        "none",
        "loss",
        "delay",
        "duplicate",
        "reorder",
        "partition",
        "crash",
        "clock",
        "power",
        "full",
        "jump",
        "relay",
    ]) {
        assert_clean(1_000 + seed, 4, faults);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (one, other) = (run(5, 4, Faults::ALL, Size::Usual), run(5, 4, Faults::ALL, Size::Usual));
    assert_eq!(one, other);
    assert_ne!(one.trace, run(6, 4, Faults::ALL, Size::Usual).trace);
}

/// The answer to a push settled a younger row of the outbox, which had got the id of the row that was pushed.
#[test]
fn an_answer_settles_only_what_was_pushed() {
    assert_clean(0, 2, "delay");
    assert_clean(1, 3, "partition");
}

/// A message that was moved behind a late parent did not push its own children further.
#[test]
fn a_late_parent_moves_its_childrens_children_too() {
    assert_clean(11, 3, "all");
    assert_clean(19, 3, "all");
}

/// Who was removed on a branch that the others then left went on as removed, while they had it as a member.
#[test]
fn who_was_removed_on_a_branch_that_lost_comes_back() {
    assert_clean(5_349, 6, "all");
}

/// Letting somebody in by a link was made again after a fork although they had left since.
#[test]
fn who_left_is_not_brought_back_by_what_was_wanted_before() {
    assert_clean(7_489, 4, "all");
}

/// A clock that was set back left groups waiting for a time that lay a year ahead.
#[test]
fn a_clock_that_was_set_back_leaves_nothing_waiting_for_its_time() {
    assert_clean(151, 6, "all");
}

/// What came in while a clock was years ahead was too old for it to be kept for the others, who lacked it for good.
#[test]
fn what_comes_while_a_clock_is_wrong_is_kept_for_the_others() {
    assert_clean(8_455, 4, "all");
}

/// A commit was pushed for ever to a node that could not read it and was no member any more.
#[test]
fn what_a_removed_node_cannot_read_is_not_pushed_for_ever() {
    assert_clean(5_546, 5, "all");
}

/// A Welcome onto a branch that lost took its node away from the branch that won; where that was the shorter one, or had been
/// here before, it never learned that the others were elsewhere.
#[test]
fn who_was_welcomed_onto_a_branch_that_lost_finds_the_others() {
    assert_clean(865, 4, "all");
    assert_clean(9_206, 5, "all");
}

/// The lines of a branch stayed when it lost only after a second Welcome had led on.
#[test]
fn a_second_welcome_takes_out_the_lines_of_what_the_first_followed() {
    assert_clean(2_412, 3, "all");
    assert_clean(3_063, 6, "all");
}

/// Who left stayed a member when whoever had let them go left as well, and that commit lost.
#[test]
fn who_left_is_let_go_whoever_leaves_after_that() {
    assert_clean(836, 5, "all");
    // The second time, after somebody had added them again.
    assert_clean(9_524, 5, "all");
}

#[test]
fn who_left_and_comes_back_onto_another_branch_within_the_hour_is_let_go_all_the_same() {
    assert_clean(8_585, 8, "all");
    assert_clean(8_669, 8, "all");
}

/// What was of a branch that lost was pushed for a day to a node that had been added again, or had never had its topic.
#[test]
fn what_is_of_a_branch_that_lost_is_not_pushed_for_ever() {
    assert_clean(6_821, 8, "all");
    assert_clean(5_530, 7, "all");
}
