//! Codes by mail, and the record of a domain's key.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use tidings_node::providers::{Dns, DnsError, MailAddress, MailError, MailServer, Secured};
use zeroize::Zeroizing;

use crate::servers::Servers;

fn server(servers: &Servers) -> MailServer {
    MailServer {
        host: "localhost".to_owned(),
        port: servers.smtp,
        secured: Secured::StartTls,
        login: Some(("ada".to_owned(), Zeroizing::new("password of ada".to_owned()))),
        from: MailAddress::new("ada@example.test").unwrap(),
        authority: Some(servers.authority.clone()),
    }
}

#[tokio::test]
async fn a_code_goes_out_over_tls_with_name_and_password() {
    let Some(mut servers) = Servers::for_test("codes by mail") else { return };
    let to = MailAddress::new("ada@home.test").unwrap();
    server(&servers).send(&to, "Your code", "271828\n").await.unwrap();
    let inbox = servers.order("inbox", &json!({}));
    let mail = &inbox[0];
    assert_eq!((&mail["to"], &mail["tls"], &mail["user"]), (&json!(["ada@home.test"]), &json!(true), &json!("ada")));
    let raw = mail["raw"].as_str().unwrap();
    assert!(raw.contains("Subject: Your code") && raw.contains("271828"), "{raw}");
}

#[tokio::test]
async fn a_mail_server_that_cannot_be_trusted_or_does_not_know_us_is_refused_with_a_sentence() {
    let Some(mut servers) = Servers::for_test("mail servers that refuse") else { return };
    let to = MailAddress::new("ada@home.test").unwrap();
    let good = server(&servers);
    let unknown = MailServer { authority: None, ..good.clone() };
    assert!(matches!(unknown.send(&to, "s", "t").await, Err(MailError::NotSecure(_) | MailError::Unreachable(_))));
    let another_name = MailServer { host: "127.0.0.1".to_owned(), ..good.clone() };
    let refused = another_name.send(&to, "s", "t").await;
    assert!(matches!(refused, Err(MailError::NotSecure(_) | MailError::Unreachable(_))), "{refused:?}");
    let guessed = Zeroizing::new("guessed".to_owned());
    let bad = MailServer { login: Some(("ada".to_owned(), guessed)), ..good.clone() };
    let refused = bad.send(&to, "s", "t").await.unwrap_err();
    assert_eq!(refused, MailError::BadLogin);
    let nobody = MailServer { port: 1, ..good.clone() };
    assert!(matches!(nobody.send(&to, "s", "t").await, Err(MailError::Unreachable(_))));
    let garbled = MailServer { authority: Some(b"no certificate".to_vec()), ..good };
    assert!(garbled.send(&to, "s", "t").await.is_err());
    assert_eq!(servers.order("inbox", &json!({})), json!([]), "nothing went out");
}

#[test]
fn what_is_no_address_is_refused() {
    for text in ["", "ada", "ada@", "@example.test", "ada@example.test\r\nBcc: eve@example.test", "ada b@example.test"]
    {
        assert_eq!(MailAddress::new(text), Err(MailError::NoAddress), "{text:?}");
    }
    assert_eq!(MailAddress::new(&format!("{}@example.test", "a".repeat(300))), Err(MailError::NoAddress));
    assert_eq!(MailAddress::new(" ada+tidings@example.test ").unwrap().text(), "ada+tidings@example.test");
}

#[tokio::test]
async fn a_domains_record_is_found_and_joined_and_one_that_is_gone_is_missed() {
    let Some(mut servers) = Servers::for_test("a domain's record") else { return };
    let dns = Dns::new(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, servers.dns)))).unwrap();
    let first = "s1._domainkey.example.test";
    let record = dns.txt(first).await.unwrap();
    assert!(record.starts_with("v=DKIM1; k=rsa; p=") && record.len() > 300, "{record}");
    servers.order("rotate_mail", &json!({}));
    let fresh = Dns::new(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, servers.dns)))).unwrap();
    assert_eq!(fresh.txt(first).await, Err(DnsError::None(first.to_owned())));
    assert_ne!(fresh.txt("s2._domainkey.example.test").await.unwrap(), record);
    let silent = Dns::new(Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))).unwrap();
    assert!(matches!(silent.txt(first).await, Err(DnsError::Unanswered(_))));
}
