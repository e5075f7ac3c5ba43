//! A TCP proxy between two nodes: records what the wire carries, and can turn into a hole.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// At most this many bytes are recorded; what follows is only passed on.
pub const RECORDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Passes TCP connections on to one address until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    recorded: Arc<Mutex<Vec<u8>>>,
    holes: watch::Sender<u64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Listens at a port of its own on the loopback, and passes every connection on to `target`.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let recorded = Arc::default();
        let holes = watch::Sender::new(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, target, Arc::clone(&recorded), holes.subscribe()));
        Ok(Self { address, recorded, holes, _tasks: tasks })
    }

    /// Where to connect instead of to the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All bytes of all connections so far, both directions, as they came.
    pub fn recorded(&self) -> Vec<u8> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether these bytes went over the wire in one piece. A piece cut in two by another direction's bytes is missed,
    /// so look for short ones.
    pub fn carried(&self, needle: &[u8]) -> bool {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        !needle.is_empty() && recorded.windows(needle.len()).any(|window| window == needle)
    }

    /// From now on nothing passes through the connections that stand, and neither end learns of it, not even that the
    /// other end is gone. New connections pass.
    pub fn make_hole(&self) {
        self.holes.send_modify(|holes| *holes = holes.saturating_add(1));
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, recorded: Arc<Mutex<Vec<u8>>>, holes: watch::Receiver<u64>) {
    let mut connections = JoinSet::new();
    while let Ok((here, _)) = listener.accept().await {
        let Ok(there) = TcpStream::connect(target).await else { continue };
        let (here_read, here_write) = here.into_split();
        let (there_read, there_write) = there.into_split();
        connections.spawn(pass(here_read, there_write, Arc::clone(&recorded), holes.clone()));
        connections.spawn(pass(there_read, here_write, Arc::clone(&recorded), holes.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Passes one direction on until it ends. In a hole it waits for ever, and holds both ends open.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    recorded: Arc<Mutex<Vec<u8>>>,
    mut holes: watch::Receiver<u64>,
) {
    holes.mark_unchanged();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = tokio::select! {
            biased;
            _ = holes.changed() => return std::future::pending().await,
            read = from.read(&mut buffer) => read.unwrap_or(0),
        };
        let piece = buffer.get(..count).unwrap_or_default();
        {
            let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
            if recorded.len() < RECORDED_BYTES_MAX {
                recorded.extend_from_slice(piece);
            }
        }
        if count == 0 || to.write_all(piece).await.is_err() {
            break;
        }
    }
    // The end of one direction is passed on; the other may go on.
    drop(to.shutdown().await);
}
