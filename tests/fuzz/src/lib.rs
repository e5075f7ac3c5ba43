//! What all targets of the fuzzer share: a target by its name.

use tidings_crypto::group::fuzzing::TARGETS;

/// Runs one target on these bytes. It ends unless it finds something.
pub fn run(name: &str, bytes: &[u8]) {
    for (target, act) in TARGETS {
        if target == name {
            act(bytes);
        }
    }
}
