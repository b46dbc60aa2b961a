//! The bytes of a connection, which end soon after its owner has gone.
//!
//! The client waits for the other side to agree that the connection is over,
//! without an end: one that has fallen silent would be held for ever, and with
//! each try another one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

/// How long there is for a farewell.
const FAREWELL: Duration = Duration::from_secs(5);

/// Whoever has this wants the connection.
#[derive(Debug)]
pub(super) struct Hold {
    _held: oneshot::Sender<()>,
}

/// A stream, as long as somebody wants it.
#[derive(Debug)]
pub(super) struct Line<S> {
    stream: S,
    state: State,
}

#[derive(Debug)]
enum State {
    Held(oneshot::Receiver<()>),
    Left(Pin<Box<Sleep>>),
    Ended,
}

impl<S> Line<S> {
    pub(super) fn of(stream: S) -> (Self, Hold) {
        let (held, holds) = oneshot::channel();
        let line = Line {
            stream,
            state: State::Held(holds),
        };
        (line, Hold { _held: held })
    }

    /// Whether it is over. The task is woken when that changes.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            self.state = match &mut self.state {
                State::Held(holds) => {
                    let _left = ready!(Pin::new(holds).poll(cx));
                    State::Left(Box::pin(sleep(FAREWELL)))
                }
                State::Left(farewell) => {
                    ready!(farewell.as_mut().poll(cx));
                    State::Ended
                }
                State::Ended => return Poll::Ready(()),
            }
        }
    }

    fn require(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.poll_end(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.require(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.require(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.require(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.require(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
