//! TXT records: where a domain says with which key it signs its mail (RFC 6376 §3.6.2).

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver, TokioResolver};

/// A record is at most so long: an RSA key of 4,096 bits has some 800 characters.
const RECORD_BYTES_MAX: usize = 4 * 1024;
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Why there is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The name has none.
    #[error("{0} has no record")]
    None(String),
    /// The name has several, which is as good as none (RFC 6376 §3.6.2.2).
    #[error("{0} has several records, of which none can be trusted more than another")]
    Several(String),
    /// There is no answer.
    #[error("the name server did not answer for {0}")]
    Unanswered(String),
    /// This machine names no name server.
    #[error("this machine has no name server that could be asked")]
    NoServer,
}

/// Asks name servers.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

impl Dns {
    /// With the name servers of this machine, or with the one that is named.
    ///
    /// # Errors
    /// [`DnsError::NoServer`].
    pub fn new(server: Option<SocketAddr>) -> Result<Self, DnsError> {
        let builder = match server {
            None => Resolver::builder_tokio().map_err(|_| DnsError::NoServer)?,
            Some(server) => {
                let mut connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                for connection in &mut connections {
                    connection.port = server.port();
                }
                let server = NameServerConfig::new(server.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        Ok(Self { resolver: builder.build().map_err(|_| DnsError::NoServer)? })
    }

    /// The one TXT record of a name, its strings joined.
    ///
    /// # Errors
    /// Any [`DnsError`].
    pub async fn txt(&self, name: &str) -> Result<String, DnsError> {
        // The full name: what stands in this machine's search list is not asked.
        let full = format!("{}.", name.trim_end_matches('.'));
        let answer = tokio::time::timeout(WAIT_MAX, self.resolver.txt_lookup(full)).await;
        let answer = answer.map_err(|_| DnsError::Unanswered(name.to_owned()))?;
        let lookup = answer.map_err(|error| {
            let is_none = error.is_no_records_found() || error.is_nx_domain();
            if is_none { DnsError::None(name.to_owned()) } else { DnsError::Unanswered(name.to_owned()) }
        })?;
        let mut records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        });
        let first = records.next().ok_or_else(|| DnsError::None(name.to_owned()))?;
        if records.next().is_some() {
            return Err(DnsError::Several(name.to_owned()));
        }
        if first.len() > RECORD_BYTES_MAX {
            return Err(DnsError::None(name.to_owned()));
        }
        String::from_utf8(first).map_err(|_| DnsError::None(name.to_owned()))
    }
}
