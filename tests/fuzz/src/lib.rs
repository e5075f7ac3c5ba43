//! What all targets of the fuzzer share: a target by its name.

use tidings_crypto::group::fuzzing::TARGETS as GROUP;
use tidings_node::wire::fuzzing::TARGETS as WIRE;

/// Runs one target on these bytes. It ends unless it finds something.
pub fn run(name: &str, bytes: &[u8]) {
    let group = GROUP.iter().map(|target| (target.name, target.run));
    let wire = WIRE.iter().map(|target| (target.name, target.run));
    for (_, run) in group.chain(wire).filter(|(of, _)| *of == name) {
        run(bytes);
    }
}
