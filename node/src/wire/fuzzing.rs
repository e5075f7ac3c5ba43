//! Every decoder of what crosses the network between nodes, as a function of bytes: what the fuzzer of `tests/fuzz`
//! calls, and what the tests call with the corpus. Not in what ships: it is there for tests and with the feature
//! `fuzzing` alone.
//!
//! Bytes that are hostile give an outcome, and what decodes encodes to the same bytes: an encoding is canonical.

use std::sync::LazyLock;

use super::{
    bundle::{BundleWriter, read_whole},
    content::Content,
    join::JoinRequest,
    receipt::UnverifiedReceipt,
    request::{Request, Response},
};
use crate::sync::{Item, MESSAGE_BYTES_MAX, go_on, respond};
use tidings_crypto::envelope::EnvelopeId;

/// A decoder.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its file and of its corpus.
    pub name: &'static str,
    /// Ends, whatever the bytes are.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    Target { name: "wire_request", run: request },
    Target { name: "wire_response", run: response },
    Target { name: "wire_content", run: content },
    Target { name: "wire_join", run: join },
    Target { name: "wire_receipt", run: receipt },
    Target { name: "wire_sync", run: sync_message },
    Target { name: "wire_bundle", run: bundle },
];

fn request(bytes: &[u8]) {
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(request.encode().as_deref(), Ok(bytes));
    }
}

fn response(bytes: &[u8]) {
    if let Ok(response) = Response::decode(bytes) {
        assert_eq!(response.encode().as_deref(), Ok(bytes));
    }
}

fn content(bytes: &[u8]) {
    match Content::decode(bytes) {
        // What a newer version says is kept as nothing but that.
        Ok(Content::Newer) | Err(_) => {}
        Ok(content) => assert_eq!(content.encode(), bytes),
    }
}

fn join(bytes: &[u8]) {
    if let Ok(request) = JoinRequest::decode(bytes) {
        assert_eq!(request.encode(), bytes);
    }
}

fn receipt(bytes: &[u8]) {
    if UnverifiedReceipt::decode(bytes).is_ok() {
        assert!(UnverifiedReceipt::is_receipt(bytes));
    }
}

fn bundle(bytes: &[u8]) {
    if let Ok((parcels, whole)) = read_whole(bytes) {
        let (mut writer, mut again) = BundleWriter::begin();
        again.extend(parcels.iter().filter_map(|parcel| writer.parcel(parcel)).flatten());
        again.extend(writer.end(whole.more));
        assert_eq!(again, bytes);
    }
}

/// A set of this many envelopes.
fn held(count: u16) -> Vec<Item> {
    let id = |number: u16| EnvelopeId(*blake3::hash(&number.to_be_bytes()).as_bytes());
    (0..count).map(|number| (u64::from(number / 8), id(number))).collect()
}

/// On both sides, with sets of several sizes: what comes of it is no longer than a message may be.
fn sync_message(bytes: &[u8]) {
    static SETS: LazyLock<[Vec<Item>; 3]> = LazyLock::new(|| [0, 5, 600].map(held));
    for items in SETS.iter() {
        let answer = respond(items, bytes);
        let next = go_on(items, bytes).and_then(|found| found.message);
        assert!(answer.into_iter().chain(next).all(|message| message.len() <= MESSAGE_BYTES_MAX));
    }
}

#[cfg(test)]
mod tests;
