//! Fuzzes `wire_bundle` of the decoders between nodes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::run("wire_bundle", bytes));
