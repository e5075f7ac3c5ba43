//! What all targets of the fuzzer share: a target by its name.

use tidings_crypto::group::fuzzing::TARGETS;

/// Runs one target on these bytes. It ends unless it finds something.
pub fn run(name: &str, bytes: &[u8]) {
    for target in TARGETS.iter().filter(|target| target.name == name) {
        (target.run)(bytes);
    }
}
