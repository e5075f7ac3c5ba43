//! Several real nodes on the loopback: fan-out (T4), catching up (T5), starting with much (T8), idling (T9), very many conversations (T12), and a mailbox with very many queues,
//! with the bare limits of this machine beside them.
//!
//! `cargo bench -p tidings-node --bench many_nodes [-- t4 t5 t8 t9 t12 mailbox]`. All nodes share one process and its two or more
//! cores: figures for one node are those of the process, divided.
#![expect(clippy::print_stdout, reason = "a benchmark is read by people")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded for reading")]
#![expect(clippy::indexing_slicing, reason = "the nodes of a benchmark are as many as it started")]

mod catching_up;
mod conversations;
mod fan_out;
mod idle;
mod large_home;
mod mailbox;
mod people;

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|typed| !typed.starts_with('-')).collect();
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(8 << 20).enable_all().build().unwrap();
    runtime.block_on(async {
        if is_wanted("t4") {
            fan_out::run().await;
        }
        if is_wanted("t5") {
            catching_up::run().await;
        }
        if is_wanted("t8") {
            large_home::run().await;
        }
        if is_wanted("t9") {
            idle::run().await;
        }
        if is_wanted("t12") {
            conversations::run().await;
        }
        if is_wanted("mailbox") {
            mailbox::run().await;
        }
    });
}
