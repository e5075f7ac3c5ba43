//! The tests on real networks. Each has namespaces of its own, so that as many can run side by side as the harness has threads.

macro_rules! side_by_side {
    ($($module:ident :: $name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                crate::$module::$name();
            }
        )*
    };
}

side_by_side! {
    routers::behind_two_routers_people_meet_at_a_friends_relay,
    routers::behind_two_symmetric_routers_a_conversation_lives_on_the_relay_past_two_minutes_and_128_kib,
    routers::behind_a_router_that_opens_ports_on_request_a_node_is_reached_without_a_relay,
    away::what_is_left_at_a_mailbox_arrives_and_the_mailbox_can_read_none_of_it,
    away::who_is_never_on_together_with_the_others_is_added_and_reads_what_was_written_to_him,
    apart::two_parts_of_a_group_that_both_go_on_become_one_again,
    roads::with_losses_and_long_delays_everything_arrives_once,
    roads::blackholes_of_three_and_thirty_seconds_lose_nothing,
    roads::a_link_that_comes_and_goes_loses_nothing,
    roads::an_uplink_of_128_kbit_per_second_carries_a_group,
    moving::two_who_both_moved_find_each_other_by_what_waits_at_a_mailbox,
    moving::two_who_both_moved_find_each_other_by_a_fellow_member,
    moving::two_whose_cards_name_no_way_to_them_meet_by_a_contact_of_both,
    dying::whoever_restarts_while_the_old_connection_stands_is_heard_and_hears_within_seconds,
    full::a_full_disk_refuses_in_words_loses_nothing_and_goes_on_by_itself,
    ill::the_doctor_names_who_is_gone_and_what_a_router_does,
    ill::the_doctor_names_a_damaged_database,
    dying::each_kind_of_node_is_killed_again_and_again_and_nothing_is_lost,
}
