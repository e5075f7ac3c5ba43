//! Opens both doors and closes them cleanly: a loopback port for the browser, a unix socket for the person's programs.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use tidings_node::handle::Handle;
use tidings_node::ids::AccountId;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::router::{self, App};
use crate::routes::events::Streams;
use crate::session::tokens::WrongTokens;
use crate::session::{Door, SignIns};

/// Requests that run when the doors close get this long to finish.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// A port that the system chose may be taken on the other loopback address: so many are tried.
const CHOSEN_PORTS_MAX: u32 = 16;

/// What is served, and where.
#[derive(Debug)]
pub struct Options {
    /// The node.
    pub handle: Handle,
    /// Whose node it is; its beginning names the page's host.
    pub account: AccountId,
    /// The loopback address of the browser's door; port 0 lets the system choose.
    pub http: SocketAddr,
    /// The unix socket of the command line's door, made with mode 0600.
    pub socket: PathBuf,
}

/// Why a door did not open. Nothing was left open.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The port is taken.
    #[error(
        "the address {address} is in use by another program, perhaps another node: stop that one, or choose \
         another address with --http, for example --http 127.0.0.1:{}", address.port().wrapping_add(1).max(1024)
    )]
    HttpInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The address reaches beyond this machine.
    #[error(
        "the page is served to this machine only, and {address} reaches beyond it: choose a loopback address with \
         --http, and reach it from elsewhere through a tunnel, for example `ssh -L {port}:127.0.0.1:{port} THIS-MACHINE`",
        port = address.port()
    )]
    HttpNotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be opened for another reason.
    #[error("the page cannot be served at {address}: {reason}")]
    Http {
        /// The address.
        address: SocketAddr,
        /// What is wrong with it.
        reason: io::Error,
    },
    /// Another node answers at the socket.
    #[error("another node already answers at {path}: stop that one, or choose another home with --home")]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is not a socket is in the way.
    #[error("{path} is in the way of this node's socket: move it somewhere else")]
    SocketInTheWay {
        /// What is in the way.
        path: PathBuf,
    },
    /// The socket cannot be made for another reason.
    #[error("the socket {path} cannot be made: {reason} (a socket's path is at most 107 bytes: see --home)")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        reason: io::Error,
    },
}

/// The open doors. Dropping it closes them at once; [`Server::shutdown`] lets what runs finish.
pub struct Server {
    address: SocketAddr,
    door: Arc<Door>,
    socket: PathBuf,
    streams: Arc<Streams>,
    closing: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Opens both doors; when this returns, they answer.
pub async fn serve(options: Options) -> Result<Server, ServeError> {
    let Options { handle, account, http, socket } = options;
    let listeners = bind_loopback(http).await?;
    let address = local_address(&listeners, http)?;
    let unix = bind_socket(&socket).await?;

    let (closing, closed) = watch::channel(false);
    let door = Arc::new(Door::new(account, address));
    let streams = Arc::new(Streams::new(closed.clone()));
    let sign_ins = Arc::new(SignIns::default());
    let spool = socket.parent().unwrap_or_else(|| Path::new(".")).to_owned();
    let wrong_tokens = Arc::new(WrongTokens::default());
    let app =
        App { handle, account, door: Arc::clone(&door), sign_ins, wrong_tokens, streams: Arc::clone(&streams), spool };

    let mut tasks = JoinSet::new();
    let page = router::fenced(router::browser(app.clone()), &door);
    for listener in listeners {
        tasks.spawn(answer(listener, page.clone(), closed.clone()));
    }
    tasks.spawn(answer(unix, router::fenced(router::socket(app), &door), closed));
    Ok(Server { address, door, socket, streams, closing, tasks })
}

impl Server {
    /// The bare address, for programs: `http://127.0.0.1:PORT`.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.door.address_host)
    }

    /// The page's own host, for browsers: `http://<first 10 characters of the account id>.localhost:PORT`.
    pub fn host_url(&self) -> String {
        self.door.page_url()
    }

    /// The link that signs a browser in with a token of [`Handle::create_sign_in`].
    pub fn sign_in_url(&self, token: &str) -> String {
        self.door.sign_in_url(token)
    }

    /// Ends the live streams, lets running requests finish (for five seconds at most), closes both doors.
    pub async fn shutdown(mut self) {
        self.closing.send_replace(true);
        let finished = async {
            while self.tasks.join_next().await.is_some() {}
            self.streams.ended().await;
        };
        if tokio::time::timeout(SHUTDOWN_TIMEOUT, finished).await.is_err() {
            tracing::debug!("requests were still running when the doors closed");
        }
        self.tasks.shutdown().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A socket file that stays behind is replaced at the next start, so a failure costs nothing.
        drop(fs::remove_file(&self.socket));
    }
}

async fn answer<L>(listener: L, router: Router, mut closed: watch::Receiver<bool>)
where
    L: Listener,
    L::Addr: fmt::Debug,
{
    let signal = async move {
        // An error means that the server is gone, which closes the doors as well.
        drop(closed.wait_for(|closed| *closed).await);
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(signal).await {
        tracing::error!(%error, "a door closed");
    }
}

/// Both loopback addresses with one port. `<id>.localhost` means either of them to a browser, so a port of which
/// another program holds one half would share our visitors with that program.
async fn bind_loopback(http: SocketAddr) -> Result<Vec<TcpListener>, ServeError> {
    if !http.ip().is_loopback() {
        return Err(ServeError::HttpNotLoopback { address: http });
    }
    let twin = match http.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => None,
    };
    let mut tries = 0;
    loop {
        let first = bind(http).await?;
        let Some(twin) = twin else { return Ok(vec![first]) };
        let port = first.local_addr().map_err(|reason| ServeError::Http { address: http, reason })?.port();
        match bind(SocketAddr::new(twin, port)).await {
            Ok(second) => return Ok(vec![first, second]),
            Err(ServeError::HttpInUse { .. }) if http.port() == 0 && tries < CHOSEN_PORTS_MAX => tries += 1,
            Err(in_use @ ServeError::HttpInUse { .. }) => return Err(in_use),
            // A machine without the other protocol: then nobody else can listen there either.
            Err(_) => return Ok(vec![first]),
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|reason| match reason.kind() {
        ErrorKind::AddrInUse => ServeError::HttpInUse { address },
        _ => ServeError::Http { address, reason },
    })
}

fn local_address(listeners: &[TcpListener], http: SocketAddr) -> Result<SocketAddr, ServeError> {
    let first = listeners.first().map_or_else(|| Err(ErrorKind::NotConnected.into()), TcpListener::local_addr);
    first.map_err(|reason| ServeError::Http { address: http, reason })
}

/// Replaces a socket that a node left behind, and respects one at which somebody answers.
async fn bind_socket(path: &Path) -> Result<UnixListener, ServeError> {
    let failed = |reason| ServeError::Socket { path: path.to_owned(), reason };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ServeError::SocketInTheWay { path: path.to_owned() });
        }
        Ok(_) => {
            if UnixStream::connect(path).await.is_ok() {
                return Err(ServeError::SocketInUse { path: path.to_owned() });
            }
            fs::remove_file(path).map_err(failed)?;
        }
        Err(missing) if missing.kind() == ErrorKind::NotFound => {}
        Err(reason) => return Err(failed(reason)),
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    // The home has mode 0700, so nobody else came in before this.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_busy_port_is_named_with_a_way_out() {
        let busy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = busy.local_addr().unwrap();
        let refused = bind_loopback(address).await.unwrap_err();
        assert!(matches!(refused, ServeError::HttpInUse { address: found } if found == address));
        let sentence = refused.to_string();
        assert!(sentence.contains(&address.to_string()) && sentence.contains("--http"), "{sentence}");
    }

    #[tokio::test]
    async fn a_port_whose_other_half_is_taken_is_busy() {
        let Ok(busy) = TcpListener::bind("[::1]:0").await else { return };
        let port = busy.local_addr().unwrap().port();
        let refused = bind_loopback(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).await.unwrap_err();
        assert!(matches!(refused, ServeError::HttpInUse { .. }), "{refused}");
    }

    #[tokio::test]
    async fn the_page_is_not_served_beyond_this_machine() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7373"] {
            let refused = bind_loopback(address.parse().unwrap()).await.unwrap_err();
            assert!(matches!(refused, ServeError::HttpNotLoopback { .. }), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_was_left_behind_is_replaced_and_private() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("api.sock");
        drop(bind_socket(&path).await.unwrap());
        assert!(path.exists(), "a socket file outlives its listener");
        let _listener = bind_socket(&path).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_socket_at_which_somebody_answers_is_respected() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("api.sock");
        let _live = bind_socket(&path).await.unwrap();
        assert!(matches!(bind_socket(&path).await, Err(ServeError::SocketInUse { .. })));
        UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_in_the_way_is_not_deleted() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("api.sock");
        fs::write(&path, "mine").unwrap();
        assert!(matches!(bind_socket(&path).await, Err(ServeError::SocketInTheWay { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn a_path_too_long_for_a_socket_says_so() {
        let home = tempfile::tempdir().unwrap();
        let refused = bind_socket(&home.path().join("a".repeat(150))).await.unwrap_err();
        assert!(refused.to_string().contains("107 bytes"), "{refused}");
    }
}
