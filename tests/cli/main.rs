//! What the command line promises, seen from outside: scripts of commands (`cases/*.case`) played with the real program.
//!
//! [`script`] says how a case is written. A case that fails prints its line and what was printed instead.

#[cfg(test)]
mod agree;
#[cfg(test)]
mod burst;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod database;
#[cfg(test)]
mod pattern;
#[cfg(test)]
mod program;
#[cfg(test)]
mod script;
#[cfg(test)]
mod snapshot;
#[cfg(test)]
mod stage;

#[cfg(test)]
use std::path::PathBuf;

#[cfg(test)]
use stage::Stage;

/// One test a file, so that they run side by side and each has a name.
#[cfg(test)]
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { play(stringify!($name)); })*

        #[test]
        fn every_case_is_played() {
            let listed = [$(stringify!($name)),*];
            let mut found = 0;
            for entry in folder().read_dir().unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(listed.contains(&name), "{name} is not listed in tests/cli/main.rs");
                found += 1;
            }
            assert_eq!(found, listed.len());
        }
    };
}

#[cfg(test)]
cases! {
    a_backup_is_restored_and_the_node_goes_on,
    a_busy_port_is_named_and_nothing_is_made,
    a_clock_that_jumps_loses_nothing,
    a_damaged_database_is_named_and_kept,
    a_damaged_or_foreign_home_is_left_as_it_is,
    a_home_of_schema_07_goes_on,
    a_home_of_schema_08_goes_on,
    a_home_of_schema_09_goes_on,
    a_home_of_schema_10_goes_on,
    a_home_of_schema_11_goes_on,
    a_home_of_schema_14_goes_on,
    a_home_of_schema_16_goes_on,
    a_home_of_schema_19_goes_on,
    a_mailbox_that_loses_what_it_keeps_is_found_out,
    a_message_to_somebody_who_is_away_arrives_later,
    a_node_killed_while_sending_loses_and_repeats_nothing,
    a_passphrase_opens_the_home_and_a_wrong_one_does_not,
    a_second_node_on_one_home_is_refused,
    a_stranger_waits_in_the_tray_until_somebody_decides,
    bad_links_are_refused_with_a_reason,
    bad_texts_and_names_are_refused_with_a_reason,
    every_verb_says_what_it_promises,
    five_homes_change_one_group_at_once_and_agree,
    fifty_messages_each_way_arrive_once_and_in_one_order,
    following_and_watching_show_what_happens,
    nothing_that_is_readable_lies_on_the_disk,
    somebody_is_added_who_is_never_on_together_with_the_others,
    somebody_joins_by_a_link_while_the_inviter_is_away,
    the_defaults_listen_everywhere_and_keep_their_port,
    the_doctor_names_what_is_wrong,
    two_who_are_never_on_together_talk_by_a_mailbox,
    two_who_never_meet_talk_by_files_that_are_carried,
    typing_mistakes_are_usage_errors,
    without_a_node_every_verb_says_how_to_start_one,
}

#[cfg(test)]
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cli/cases")
}

#[cfg(test)]
fn play(name: &str) {
    let file = folder().join(name).with_extension("case");
    let script = script::parse(&std::fs::read_to_string(&file).unwrap());
    let mut stage = Stage::new(tidings_tests::binary::tidings().unwrap());
    if let Err(failure) = stage.play(&script) {
        panic!("{}:{failure}", file.display());
    }
}
