//! A stream that fails when nothing has arrived for a while.
//!
//! A TCP connection into a hole looks alive for many minutes, and nothing in libp2p closes it: the ping protocol only
//! reports, and closing waits for the muxer without a limit. One end pings every [`super::pinging::PING_INTERVAL`] and
//! the other answers, so that a living connection always brings both something; one that brings nothing is dead,
//! whatever the kernel thinks.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::now;

/// A stream with a deadline for the next byte.
#[derive(Debug)]
pub(super) struct Deadline<S> {
    stream: S,
    silence_max: Duration,
    last_read: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<S> Deadline<S> {
    /// Fails everything on `stream` once nothing was read from it for `silence_max`.
    pub(super) fn new(stream: S, silence_max: Duration) -> Self {
        let last_read = now();
        let alarm = Box::pin(sleep_until(last_read + silence_max));
        Self { stream, silence_max, last_read, alarm }
    }

    /// What a poll that has nothing to give returns: an error once the deadline has passed. The alarm is set anew only
    /// when it rings, so that reading costs no timer.
    fn pending<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let deadline = self.last_read + self.silence_max;
            if deadline <= now() {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "nothing arrived for too long")));
            }
            self.alarm.as_mut().reset(deadline);
        }
    }

    fn or_pending<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() { poll } else { self.pending(cx) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Deadline<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if poll.is_ready() {
            self.last_read = now();
        }
        self.or_pending(cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Deadline<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.or_pending(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(cx);
        self.or_pending(cx, poll)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_close(cx);
        self.or_pending(cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use futures::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A stream whose other end says something every `pause`, `times` times, and then nothing.
    struct Talker {
        pause: Duration,
        times: u32,
        next: Pin<Box<Sleep>>,
    }

    impl Talker {
        fn new(pause: Duration, times: u32) -> Self {
            Self { pause, times, next: Box::pin(tokio::time::sleep(pause)) }
        }
    }

    impl AsyncRead for Talker {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
            if self.times == 0 {
                return Poll::Pending;
            }
            ready!(self.next.as_mut().poll(cx));
            self.times -= 1;
            let next = now() + self.pause;
            self.next.as_mut().reset(next);
            buffer[0] = 7;
            Poll::Ready(Ok(1))
        }
    }

    impl AsyncWrite for Talker {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_stream_that_brings_something_in_time_outlives_its_deadline_and_dies_of_silence() {
        let silence_max = Duration::from_secs(1);
        let started = now();
        let mut stream = Deadline::new(Talker::new(Duration::from_millis(50), 30), silence_max);
        stream.read_exact(&mut [0; 30]).await.unwrap();
        assert!(now() - started > silence_max);
        assert_eq!(stream.read_exact(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(now() - started >= Duration::from_millis(2_500));
    }

    #[tokio::test]
    async fn a_silent_stream_cannot_hold_up_a_write_or_a_close_either() {
        let mut stream = Deadline::new(Talker::new(Duration::from_secs(1), 0), Duration::from_millis(50));
        assert_eq!(stream.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(stream.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(stream.close().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
