//! The MLS working group's test vectors (RFC 9420) through the provider and the storage that ship.
//!
//! They lie outside the project; where they are absent the tests say so and pass. All cases of our suite run.
//! The key packages in them have expired, and OpenMLS offers no way to take an expired one that is not also a Cargo
//! feature; their serialised form is the same as that of verified ones, so that is how they get in.

use std::{fs, path::PathBuf};

use ciborium::Value;
use openmls::{
    prelude::{
        AddProposalIn, ExternalInitProposal, GroupContextExtensionProposalIn, JoinBuilder, KeyPackage,
        KeyPackageBundle, MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY, MlsGroup, MlsGroupJoinConfig, MlsMessageBodyIn,
        MlsMessageIn, OpenMlsSignaturePublicKey, PreSharedKeyProposal, ProcessedMessageContent, ProcessedWelcome,
        ProtocolMessage, RatchetTreeIn, RemoveProposal, UpdateProposalIn, Verifiable, Welcome,
        group_info::GroupInfo,
        tls_codec::{DeserializeBytes, Serialize},
    },
    schedule::PreSharedKeyId,
};
use openmls_traits::{
    OpenMlsProvider,
    storage::StorageProvider,
    types::{HpkePrivateKey, SignatureScheme},
};
use serde::de::DeserializeOwned;

use crate::group::{
    Suite,
    provider::Provider,
    storage::{Overlay, Rows},
};

/// A file of the vectors, or nothing where the folder is absent.
fn read(file: &str) -> Option<serde_json::Value> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vectors");
    let folder = std::env::var_os("TIDINGS_VECTORS").unwrap_or_else(|| default.into());
    let path = PathBuf::from(folder).join("mls").join(file);
    if !path.exists() {
        eprintln!("skipped: there is no {}; TIDINGS_VECTORS names the folder", path.display());
        return None;
    }
    Some(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

fn hex(value: &serde_json::Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn is_ours(case: &serde_json::Value) -> bool {
    case["cipher_suite"] == u64::from(Suite::Classic.number())
}

fn reinterpret<T: DeserializeOwned>(value: &Value) -> T {
    value.deserialized().unwrap()
}

/// Puts a vector's key package where OpenMLS finds it, with the private keys that belong to it.
fn store_key_package(provider: &Provider<'_>, case: &serde_json::Value, encryption_key: &[u8]) {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(&hex(&case["key_package"])).unwrap();
    let MlsMessageBodyIn::KeyPackage(package) = message.extract() else { panic!() };
    let package = Value::serialized(&package).unwrap();
    let private = |key: &[u8]| Value::serialized(&HpkePrivateKey::from(key.to_vec())).unwrap();
    let bundle = Value::Map(vec![
        ("key_package".into(), package.clone()),
        ("private_init_key".into(), private(&hex(&case["init_priv"]))),
        ("private_encryption_key".into(), Value::Map(vec![("key".into(), private(encryption_key))])),
    ]);
    let reference = reinterpret::<KeyPackage>(&package).hash_ref(provider.crypto()).unwrap();
    provider.storage().write_key_package(&reference, &reinterpret::<KeyPackageBundle>(&bundle)).unwrap();
}

fn welcome(case: &serde_json::Value) -> Welcome {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(&hex(&case["welcome"])).unwrap();
    let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!() };
    welcome
}

fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .use_ratchet_tree_extension(true)
        .wire_format_policy(MIXED_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .number_of_resumption_psks(16)
        .build()
}

/// The client that the vector is about, joined.
fn join(provider: &Provider<'_>, case: &serde_json::Value) -> MlsGroup {
    for psk in case["external_psks"].as_array().unwrap() {
        PreSharedKeyId::external(hex(&psk["psk_id"]), vec![]).store(provider, &hex(&psk["psk"])).unwrap();
    }
    store_key_package(provider, case, &hex(&case["encryption_priv"]));
    let processed = ProcessedWelcome::new_from_welcome(provider, &join_config(), welcome(case)).unwrap();
    let mut builder = JoinBuilder::new(provider, processed).skip_lifetime_validation();
    if !case["ratchet_tree"].is_null() {
        let tree = RatchetTreeIn::tls_deserialize_exact_bytes(&hex(&case["ratchet_tree"])).unwrap();
        builder = builder.with_ratchet_tree(tree);
    }
    builder.build().unwrap().into_group(provider).unwrap()
}

fn process(provider: &Provider<'_>, group: &mut MlsGroup, bytes: &[u8]) {
    let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap();
    let message: ProtocolMessage = message.try_into_protocol_message().unwrap();
    match group.process_message(provider, message).unwrap().into_content() {
        ProcessedMessageContent::ProposalMessage(proposal) => {
            group.store_pending_proposal(provider.storage(), *proposal).unwrap();
        }
        ProcessedMessageContent::StagedCommitMessage(staged) => {
            group.merge_staged_commit(provider, *staged).unwrap();
        }
        other => panic!("{other:?}"),
    }
}

/// Runs a file's cases of our suite, loading the group from storage between epochs as the node does; says how many.
fn run_passive_client(file: &str) -> Option<usize> {
    let cases = read(file)?;
    let ours: Vec<_> = cases.as_array().unwrap().iter().filter(|case| is_ours(case)).collect();
    for case in &ours {
        let mut rows = Rows::default();
        let provider = Provider::without_randomness(Overlay::writing(&mut rows));
        let mut group = join(&provider, case);
        assert_eq!(group.epoch_authenticator().as_slice(), hex(&case["initial_epoch_authenticator"]));
        for epoch in case["epochs"].as_array().unwrap() {
            group = MlsGroup::load(provider.storage(), group.group_id()).unwrap().unwrap();
            for proposal in epoch["proposals"].as_array().unwrap() {
                process(&provider, &mut group, &hex(proposal));
            }
            process(&provider, &mut group, &hex(&epoch["commit"]));
            assert_eq!(group.epoch_authenticator().as_slice(), hex(&epoch["epoch_authenticator"]));
        }
    }
    println!("{file}: {} of {} cases are of our suite, all passed", ours.len(), cases.as_array().unwrap().len());
    Some(ours.len())
}

#[test]
fn passive_clients_that_join_by_a_welcome() {
    assert!(run_passive_client("passive-client-welcome.json").is_none_or(|cases| cases == 8));
}

#[test]
fn passive_clients_that_handle_commits() {
    assert!(run_passive_client("passive-client-handling-commit.json").is_none_or(|cases| cases == 13));
}

/// Its one case is of another suite.
#[test]
fn passive_clients_in_random_groups() {
    assert!(run_passive_client("passive-client-random.json").is_none_or(|cases| cases == 0));
}

/// Decodes a structure that stands alone in the vectors, and encodes it to the same bytes.
fn goes_round<T: DeserializeBytes + Serialize>(case: &serde_json::Value, field: &str) {
    let bytes = hex(&case[field]);
    let decoded = T::tls_deserialize_exact_bytes(&bytes).unwrap_or_else(|_| panic!("{field}"));
    assert_eq!(decoded.tls_serialize_detached().unwrap(), bytes, "{field}");
}

/// All that the library shows: not `group_secrets` and `commit`, which are no types of its public interface (both are
/// decoded inside the passive clients' Welcomes and commits), and not `re_init_proposal`, which has a ratchet tree among
/// the extensions of a group context: the library refuses that.
#[test]
fn messages_of_every_kind_are_decoded() {
    let Some(cases) = read("messages.json") else { return };
    let mut decoded = 0;
    for case in cases.as_array().unwrap() {
        let kinds = ["mls_welcome", "mls_group_info", "mls_key_package", "private_message"];
        let public = ["public_message_application", "public_message_proposal", "public_message_commit"];
        for kind in kinds.iter().chain(&public) {
            let bytes = hex(&case[kind]);
            assert!(MlsMessageIn::tls_deserialize_exact_bytes(&bytes).is_ok(), "{kind}");
            assert!(MlsMessageIn::tls_deserialize_exact_bytes(&bytes[..bytes.len() - 1]).is_err(), "{kind} cut off");
            decoded += 1;
        }
        goes_round::<RatchetTreeIn>(case, "ratchet_tree");
        goes_round::<AddProposalIn>(case, "add_proposal");
        goes_round::<UpdateProposalIn>(case, "update_proposal");
        goes_round::<RemoveProposal>(case, "remove_proposal");
        goes_round::<PreSharedKeyProposal>(case, "pre_shared_key_proposal");
        goes_round::<ExternalInitProposal>(case, "external_init_proposal");
        goes_round::<GroupContextExtensionProposalIn>(case, "group_context_extensions_proposal");
    }
    assert_eq!(decoded, 2_100);
}

/// The confirmation tag is not checked: the vector has no ratchet tree to check it with. The passive clients do that.
#[test]
fn a_welcome_is_opened_and_its_signer_verified() {
    let Some(cases) = read("welcome.json") else { return };
    let ours: Vec<_> = cases.as_array().unwrap().iter().filter(|case| is_ours(case)).collect();
    assert_eq!(ours.len(), 1);
    for case in ours {
        let mut rows = Rows::default();
        let provider = Provider::without_randomness(Overlay::writing(&mut rows));
        // A Welcome is opened with the init key alone; the leaf's own key is not in the vector.
        store_key_package(&provider, case, &hex(&case["init_priv"]));
        let processed = ProcessedWelcome::new_from_welcome(&provider, &join_config(), welcome(case)).unwrap();
        let info = processed.unverified_group_info().clone();
        let signer = OpenMlsSignaturePublicKey::new(hex(&case["signer_pub"]).into(), SignatureScheme::ED25519).unwrap();
        let verified: Result<GroupInfo, _> = info.verify(provider.crypto(), &signer);
        assert!(verified.is_ok());
    }
}
