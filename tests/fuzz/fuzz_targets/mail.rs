//! Fuzzes `mail` of the decoders of proofs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tidings_fuzz::run("mail", bytes));
