//! `storage`: what this node keeps, and for how long.

use std::fmt::Write as _;

use crate::api::Api;
use crate::args::StorageTyped;
use crate::failure::Failure;
use crate::output::{Output, QUIET, styled};

/// The labels take this many columns.
const LABEL: usize = 18;
const MIB: u64 = 1024 * 1024;

pub(super) async fn run(api: &Api, output: &Output, typed: &StorageTyped) -> Result<(), Failure> {
    let mut storage = api.storage().await?;
    if typed.changes() {
        let limits = &mut storage.limits;
        if typed.keep_for_ever {
            limits.keep_days = None;
        }
        limits.keep_days = typed.keep_days.or(limits.keep_days);
        limits.held_bytes_max = typed.members_mib.map_or(limits.held_bytes_max, |mib| mib.saturating_mul(MIB));
        limits.mailbox_bytes_max = typed.mailbox_mib.map_or(limits.mailbox_bytes_max, |mib| mib.saturating_mul(MIB));
        storage = api.change_storage(&storage.limits).await?;
    }
    if output.is_json() {
        return output.object(&storage);
    }
    let mut shown = String::new();
    let mut row = |label: &str, text: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _written = writeln!(shown, "  {} {text}", styled(QUIET, format_args!("{label:<LABEL$}")));
    };
    let of = |bytes: u64, most: u64| format!("{} of at most {}", mib(bytes), mib(most));
    row("database", &format_args!("{}, {} of it free", mib(storage.database_bytes), mib(storage.free_bytes)));
    let kept = match storage.limits.keep_days {
        None => "for ever".to_owned(),
        Some(1) => "for a day".to_owned(),
        Some(days) => format!("for {days} days"),
    };
    row("messages", &format_args!("{}, kept {kept}", storage.messages));
    row("for fellow members", &of(storage.held_bytes, storage.limits.held_bytes_max));
    row("in the mailbox", &of(storage.mailbox_bytes, storage.limits.mailbox_bytes_max));
    output.text(shown)
}

fn mib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / MIB;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_mebibytes() {
        assert_eq!(mib(0), "0.0 MiB");
        assert_eq!(mib(MIB + MIB / 2), "1.5 MiB");
        assert_eq!(mib(4096 * MIB), "4096.0 MiB");
    }
}
