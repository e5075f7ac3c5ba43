//! Where the browser comes back to after a sign-in elsewhere: a port of this machine that is open until it did
//! (RFC 8252 §7.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::api::CameBack;
use crate::failure::Failure;

/// As long as the node remembers the sign-in.
const WAIT_MAX: Duration = Duration::from_mins(10);
/// A browser says what it wants within this, and in so many bytes.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
const REQUEST_BYTES_MAX: usize = 16 * 1024;
const PATH: &str = "/identities/callback";

pub(super) struct Door {
    listener: TcpListener,
    /// The address that the browser is sent back to.
    pub(super) back: String,
}

impl Door {
    pub(super) async fn open(port: u16) -> Result<Self, Failure> {
        let unopened = |error| Failure::Refused(format!("port {port} of this machine cannot be opened: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(unopened)?;
        let port = listener.local_addr().map_err(unopened)?.port();
        Ok(Self { listener, back: format!("http://127.0.0.1:{port}{PATH}") })
    }

    /// What the browser brings back. Whatever else asks at the port is told that nothing is there.
    pub(super) async fn wait(self) -> Result<CameBack, Failure> {
        let came = async {
            loop {
                let Ok((mut stream, _)) = self.listener.accept().await else { continue };
                let asked = tokio::time::timeout(REQUEST_TIME_MAX, target(&mut stream)).await.ok().flatten();
                let query = asked.as_deref().and_then(|target| target.strip_prefix(PATH)?.strip_prefix('?'));
                let Some(query) = query else {
                    answer(&mut stream, "404 Not Found", "There is nothing here.").await;
                    continue;
                };
                let came = read(query);
                let told = match &came {
                    Ok(_) => "You are back. The terminal says what came of it; this window can be closed.",
                    Err(_) => "The sign-in was refused. The terminal says why; this window can be closed.",
                };
                answer(&mut stream, "200 OK", told).await;
                return came;
            }
        };
        let late = || Err(Failure::TimedOut("nobody signed in within ten minutes: begin again".to_owned()));
        tokio::time::timeout(WAIT_MAX, came).await.unwrap_or_else(|_| late())
    }
}

/// What a GET request asks for.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if request.len() >= REQUEST_BYTES_MAX || stream.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    }
    let line = request.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split(' ');
    if words.next() == Some("GET") { words.next().map(str::to_owned) } else { None }
}

/// A page of one sentence; nothing of the request is in it.
async fn answer(stream: &mut TcpStream, status: &str, sentence: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>Tidings</title><p>{sentence}");
    let whole = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\n\
         Content-Security-Policy: default-src 'none'\r\n\r\n{page}",
        page.len()
    );
    // A browser that went away misses nothing.
    let _sent = stream.write_all(whole.as_bytes()).await;
    let _closed = stream.shutdown().await;
}

/// The answer in a query (RFC 6749 §4.1.2, RFC 9207).
fn read(query: &str) -> Result<CameBack, Failure> {
    let of = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| unescaped(value))
    };
    if let Some(error) = of("error") {
        let described = of("error_description").unwrap_or(error);
        return Err(Failure::Refused(format!(
            "the sign-in was refused there: {}",
            crate::output::text::one_line(&described)
        )));
    }
    match (of("code"), of("state")) {
        (Some(code), Some(state)) => Ok(CameBack { code, state, iss: of("iss") }),
        _ => Err(Failure::Refused("the browser came back with no answer to the sign-in: begin again".to_owned())),
    }
}

/// `application/x-www-form-urlencoded` read back; what is no escape stays as it is.
fn unescaped(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => {
                let digits = [*high, *low];
                std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_back_and_a_refusal_is_told_in_one_line() {
        let came = read("code=a%2Fb+c&state=S-1&iss=https%3A%2F%2Faccounts.example").unwrap();
        assert_eq!((came.code.as_str(), came.state.as_str()), ("a/b c", "S-1"));
        assert_eq!(came.iss.as_deref(), Some("https://accounts.example"));
        let refused = read("error=access_denied&error_description=No%0Athanks&state=S-1").err().unwrap();
        assert_eq!(refused.to_string(), "the sign-in was refused there: No thanks");
        assert!(read("state=S-1").is_err() && read("").is_err() && read("code=%zz").is_err());
        assert_eq!(unescaped("%4%41%"), "%4A%");
    }

    #[tokio::test]
    async fn whatever_else_asks_at_the_port_is_told_nothing_and_the_browser_is_let_in_once() {
        let door = Door::open(0).await.unwrap();
        let address = door.listener.local_addr().unwrap();
        let asking = async {
            for (asked, status) in [
                ("GET /favicon.ico HTTP/1.1\r\n\r\n", "404"),
                ("POST /identities/callback?code=c&state=s HTTP/1.1\r\n\r\n", "404"),
                ("GET /identities/callback?code=c&state=s HTTP/1.1\r\nHost: x\r\n\r\n", "200"),
            ] {
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(asked.as_bytes()).await.unwrap();
                let mut answer = String::new();
                stream.read_to_string(&mut answer).await.unwrap();
                assert_eq!(answer.split(' ').nth(1), Some(status), "{asked}");
                assert!(!answer.contains("code=c"), "{answer}");
            }
        };
        let (came, ()) = tokio::join!(door.wait(), asking);
        assert_eq!(came.unwrap().code, "c");
    }
}
