//! The servers in JavaScript, as the tests see them.

use std::process::Command;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidings_node::providers::{Answered, Wanted};
use tidings_tests::javascript::{NodeJs, Program, tests};
use url::Url;
use zeroize::Zeroizing;

/// Nothing that the servers do takes longer.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// Where the browser is sent back to: a node's door.
const BACK: &str = "http://127.0.0.1:7373/identities/callback";

/// Running servers.
pub(crate) struct Servers {
    pub(crate) issuer: String,
    pub(crate) github: String,
    pub(crate) github_client: (String, String),
    pub(crate) smtp: u16,
    pub(crate) dns: u16,
    /// The authority that the mail server's certificate is of, in PEM.
    pub(crate) authority: Vec<u8>,
    program: Program,
    _certificate: TempDir,
}

impl Servers {
    /// Starts them; `None`, said aloud, where this machine cannot.
    pub(crate) fn for_test(what: &str) -> Option<Self> {
        let machine = NodeJs::for_test(what, "identities")?;
        let (certificate, authority) = certificate();
        let mut command = Command::new(&machine.node);
        command.arg(tests().join("identities/servers.mjs"));
        command.env("TLS_KEY", certificate.path().join("key")).env("TLS_CERT", certificate.path().join("certificate"));
        let program = Program::start(&mut command).unwrap();
        let ready = program.lines.recv_timeout(WAIT_MAX).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let port = |value: &Value| u16::try_from(value.as_u64().unwrap()).unwrap();
        Some(Self {
            issuer: text(&ready["issuer"]),
            github: text(&ready["github"]),
            github_client: (text(&ready["github_client"]["id"]), text(&ready["github_client"]["secret"])),
            smtp: port(&ready["smtp"]),
            dns: port(&ready["dns"]),
            authority,
            program,
            _certificate: certificate,
        })
    }

    /// Has them do something, and gives what came of it.
    #[track_caller]
    pub(crate) fn order(&mut self, order: &str, rest: &Value) -> Value {
        let mut whole = rest.clone();
        whole["order"] = order.into();
        self.program.tell(&whole).unwrap();
        let answer = self.program.lines.recv_timeout(WAIT_MAX).unwrap();
        assert!(answer.get("failed").is_none(), "{order}: {}", answer["failed"]);
        answer["done"].clone()
    }

    /// Goes where a sign-in begins, as this person, and gives what the browser comes back with.
    pub(crate) fn visit(&mut self, url: &Url, login: &str) -> Answered {
        let back = self.order("visit", &json!({ "url": url.as_str(), "login": login, "back": BACK }));
        let back: Url = back.as_str().unwrap().parse().unwrap();
        let of = |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        Answered { code: Zeroizing::new(of("code").unwrap()), state: of("state").unwrap(), issuer: of("iss") }
    }
}

/// What is new in a sign-in; tests need no chance.
pub(crate) fn wanted(number: u8) -> Wanted {
    let text = |byte: u8| BASE64URL_NOPAD.encode(&[byte; 32]);
    Wanted { state: text(number), verifier: Zeroizing::new(text(number + 100)), back: BACK.parse().unwrap() }
}

/// What is in the middle of a compact token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

/// A certificate for this machine, and the authority that it is of.
fn certificate() -> (TempDir, Vec<u8>) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = authority.self_signed(&authority_key).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority, &authority_key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), key.serialize_pem()).unwrap();
    std::fs::write(folder.path().join("certificate"), certificate.pem()).unwrap();
    (folder, authority.pem().into_bytes())
}
