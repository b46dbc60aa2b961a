//! Clients that are still sending when they are refused.
//!
//! A body that nobody reads ends its connection. Closing at once, with bytes on
//! their way, makes the system reset the connection: a client that writes its
//! whole request before it reads finds a broken connection in place of the
//! answer, and tries again for ever. So the answer is sent, our half closed,
//! and what still comes is read and dropped, within bounds that are small for
//! somebody who has not authenticated.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long the rest of a request may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// How much of it is taken from somebody who has authenticated.
const FROM_ADMITTED: usize = 16 * 1024 * 1024;
/// From others: as much as a message may have, whose token has expired.
const FROM_STRANGERS: usize = 512 * 1024;
/// Read at once, on the stack.
const PART: usize = 8 * 1024;

/// How many bytes may still come when a connection is closed: none, unless
/// somebody says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    /// The request under way was refused; its body may not have been read.
    pub fn refused(&self, admitted: bool) {
        let bytes = match admitted {
            true => FROM_ADMITTED,
            false => FROM_STRANGERS,
        };
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// The connection may be closed at once.
    pub fn nothing(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A stream whose shutdown reads on for as long as the allowance and
/// [`DEADLINE`] let it. What was upgraded keeps this, with no allowance.
pub(crate) struct Lingering<S> {
    stream: S,
    allowance: Allowance,
    phase: Phase,
}

enum Phase {
    Open,
    /// Our half is closed.
    Draining {
        left: usize,
        deadline: Pin<Box<Sleep>>,
    },
    Done,
}

impl<S> Lingering<S> {
    pub fn new(stream: S, allowance: Allowance) -> Self {
        Lingering {
            stream,
            allowance,
            phase: Phase::Open,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        part: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, part)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.phase {
                Phase::Open => {
                    ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
                    this.phase = match this.allowance.0.load(Ordering::Relaxed) {
                        0 => Phase::Done,
                        left => Phase::Draining {
                            left,
                            deadline: Box::pin(sleep(DEADLINE)),
                        },
                    };
                }
                Phase::Draining { left, deadline } => {
                    if deadline.as_mut().poll(context).is_pending() {
                        let read = ready!(poll_drop(Pin::new(&mut this.stream), context));
                        *left = left.saturating_sub(read);
                        if read > 0 && *left > 0 {
                            continue;
                        }
                    }
                    this.phase = Phase::Done;
                }
                Phase::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Reads some bytes and drops them; tells how many. None are left once the
/// stream has ended or is broken, which is the same here.
fn poll_drop<S: AsyncRead>(stream: Pin<&mut S>, context: &mut Context<'_>) -> Poll<usize> {
    let mut part = [MaybeUninit::uninit(); PART];
    let mut part = ReadBuf::uninit(&mut part);
    match ready!(stream.poll_read(context, &mut part)) {
        Ok(()) => Poll::Ready(part.filled().len()),
        Err(_) => Poll::Ready(0),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::*;

    /// Answers and closes, with bytes of the client unread. Tells how long
    /// that took.
    fn answer(server: DuplexStream, allowance: Allowance) -> JoinHandle<Duration> {
        tokio::spawn(async move {
            let started = Instant::now();
            let mut stream = Lingering::new(server, allowance);
            stream.write_all(b"no").await.unwrap();
            stream.shutdown().await.unwrap();
            started.elapsed()
        })
    }

    fn allowed(admitted: bool) -> Allowance {
        let allowance = Allowance::default();
        allowance.refused(admitted);
        allowance
    }

    #[tokio::test]
    async fn who_writes_everything_before_it_reads_gets_the_answer() {
        for (admitted, bytes) in [(true, FROM_ADMITTED - 1), (false, FROM_STRANGERS - 1)] {
            let (mut client, server) = duplex(1024);
            let closed = answer(server, allowed(admitted));

            client.write_all(&vec![b'x'; bytes]).await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            drop(client);

            assert_eq!(answer, "no");
            assert!(closed.await.unwrap() < DEADLINE);
        }
    }

    #[tokio::test]
    async fn more_than_the_allowance_is_not_read() {
        for (allowance, bytes) in [
            (Allowance::default(), 0),
            (allowed(false), FROM_STRANGERS),
            (allowed(true), FROM_ADMITTED),
        ] {
            let (mut client, server) = duplex(1024);
            let closed = answer(server, allowance);

            let sent = client.write_all(&vec![b'x'; bytes + PART + 1024]).await;

            assert!(sent.is_err(), "{bytes}");
            closed.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_nothing_or_slowly_is_not_waited_for_longer() {
        let (silent, server) = duplex(1024);
        let after = answer(server, allowed(true)).await.unwrap();
        assert!(after >= DEADLINE && after < DEADLINE * 2);
        drop(silent);

        let (mut slow, server) = duplex(1024);
        let closed = answer(server, allowed(true));
        while slow.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(100)).await;
        }
        assert!(closed.await.unwrap() < DEADLINE * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_refusal_nobody_is_waited_for() {
        let allowance = allowed(true);
        allowance.nothing();
        let (_silent, server) = duplex(1024);

        let after = answer(server, allowance).await.unwrap();

        assert_eq!(after, Duration::ZERO);
    }
}
