//! Sending a mail through the person's own provider (RFC 5321), over TLS always.

use std::fmt;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use zeroize::Zeroizing;

const WAIT_MAX: Duration = Duration::from_secs(20);
/// RFC 5321 §4.5.3.1.3 allows 256 characters of path, its brackets included.
const ADDRESS_BYTES_MAX: usize = 254;

/// A mail address that can be written to.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(Address);

impl MailAddress {
    /// # Errors
    /// [`MailError::NoAddress`].
    pub fn new(text: &str) -> Result<Self, MailError> {
        let text = text.trim();
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(MailError::NoAddress);
        }
        Ok(Self(text.parse().map_err(|_| MailError::NoAddress)?))
    }

    /// The address as text.
    pub fn text(&self) -> &str {
        self.0.as_ref()
    }
}

impl fmt::Debug for MailAddress {
    /// Not whose it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(..)")
    }
}

/// How a mail server is spoken to. In the clear it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// TLS from the first byte (RFC 8314), usually at port 465.
    FromTheStart,
    /// STARTTLS (RFC 3207), usually at port 587; a server that does not offer it is refused.
    StartTls,
}

/// The mail server of the person's provider.
#[derive(Clone)]
pub struct MailServer {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub secured: Secured,
    /// Name and password there.
    pub login: Option<(String, Zeroizing<String>)>,
    /// From whom the mails come.
    pub from: MailAddress,
    /// The certificate (PEM) of an authority that only this server's owner trusts.
    pub authority: Option<Vec<u8>>,
}

impl fmt::Debug for MailServer {
    /// Without names and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailServer").field("port", &self.port).field("secured", &self.secured).finish_non_exhaustive()
    }
}

/// Why a mail was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// It is not a mail address.
    #[error("that is not an e-mail address")]
    NoAddress,
    /// The certificate that was given cannot be read.
    #[error("the certificate of the mail server's authority cannot be read")]
    BadAuthority,
    /// The server cannot be spoken to safely.
    #[error("the mail server cannot be spoken to over TLS: {0}")]
    NotSecure(String),
    /// The server does not take name and password.
    #[error("the mail server does not accept the name and password")]
    BadLogin,
    /// The server does not take the mail.
    #[error("the mail server refused the mail: {0}")]
    Refused(String),
    /// There is no connection.
    #[error("the mail server was not reached: {0}")]
    Unreachable(String),
}

impl MailServer {
    /// Sends a mail of plain text; it is accepted by the server when this returns.
    ///
    /// # Errors
    /// Any [`MailError`].
    pub async fn send(&self, to: &MailAddress, subject: &str, text: &str) -> Result<(), MailError> {
        let message = Message::builder()
            .from(Mailbox::new(None, self.from.0.clone()))
            .to(Mailbox::new(None, to.0.clone()))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(text.to_owned())
            .map_err(|error| MailError::Refused(error.to_string()))?;
        let sent = tokio::time::timeout(WAIT_MAX, self.transport()?.send(message)).await;
        match sent {
            Err(_) => Err(MailError::Unreachable("it did not answer in time".to_owned())),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(refusal(&error)),
        }
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, MailError> {
        let mut tls = TlsParameters::builder(self.host.clone());
        if let Some(authority) = &self.authority {
            tls = tls.add_root_certificate(Certificate::from_pem(authority).map_err(|_| MailError::BadAuthority)?);
        }
        let tls = tls.build_rustls().map_err(|error| MailError::NotSecure(error.to_string()))?;
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(self.host.clone())
            .port(self.port)
            .timeout(Some(WAIT_MAX))
            .tls(match self.secured {
                Secured::FromTheStart => Tls::Wrapper(tls),
                Secured::StartTls => Tls::Required(tls),
            });
        if let Some((name, password)) = &self.login {
            builder = builder.credentials(Credentials::new(name.clone(), password.to_string()));
        }
        Ok(builder.build())
    }
}

fn refusal(error: &lettre::transport::smtp::Error) -> MailError {
    /// "Authentication credentials invalid" (RFC 4954 §6).
    const BAD_LOGIN: u16 = 535;
    let reason: String = error.to_string().chars().take(200).collect();
    match error.status().map(u16::from) {
        Some(BAD_LOGIN) => MailError::BadLogin,
        Some(_) => MailError::Refused(reason),
        None if error.is_tls() => MailError::NotSecure(reason),
        // Asked for STARTTLS, it says that it has none.
        None if error.is_client() => MailError::NotSecure(reason),
        None => MailError::Unreachable(reason),
    }
}
