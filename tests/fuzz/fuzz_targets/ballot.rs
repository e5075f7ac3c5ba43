//! Fuzzes `ballot` of the group's decoders.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::run("ballot", bytes));
