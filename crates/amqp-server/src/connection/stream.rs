//! The stream of a connection, read into the engine's inbox and written from
//! its outbox.
//!
//! Reads are as large as a TLS record and hold many frames; writes hold many.
//! While nothing is under way a connection has no buffer at all: what is read
//! lands on the stack first.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::Instant;

use super::end::End;
use crate::links::Links;

/// The plaintext of one TLS record.
const READ_SIZE: usize = 16 * 1024;
/// So many records are read before what they hold is looked at.
const READS: usize = 4;

/// The bytes of a connection.
pub(super) struct Stream<S> {
    io: S,
    /// Bytes that the stream has taken may still be within it.
    unflushed: bool,
    /// Since when the peer takes nothing.
    blocked_since: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(super) fn new(io: S) -> Self {
        Stream {
            io,
            unflushed: false,
            blocked_since: None,
        }
    }

    /// Since when what waits to be written is not taken.
    pub(super) fn blocked_since(&self) -> Option<Instant> {
        self.blocked_since
    }

    /// Reads what is there; whether that was anything. A peer of whom too much
    /// waits is left unread.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, links: &Links) -> Result<bool, End> {
        let mut inner = links.lock();
        let mut any = false;
        for _ in 0..READS {
            if inner.is_fed() {
                return Ok(any);
            }
            let mut space = [const { MaybeUninit::uninit() }; READ_SIZE];
            let mut read = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.io).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => return Err(End::Lost),
                Poll::Ready(Ok(())) => {
                    inner.engine.inbox().extend_from_slice(read.filled());
                    any = true;
                }
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => {
                    give_back(inner.engine.inbox());
                    break;
                }
            }
        }
        Ok(any)
    }

    /// Writes what waits; whether links or the peer, which waited for that, may
    /// go on.
    pub(super) fn write(
        &mut self,
        cx: &mut Context<'_>,
        links: &Links,
        now: Instant,
    ) -> Result<bool, End> {
        let mut inner = links.lock();
        let was_full = inner.is_full();
        match self.poll_written(cx, inner.engine.outbox(), now) {
            Poll::Ready(Ok(())) => give_back(inner.engine.outbox()),
            Poll::Ready(Err(error)) => return Err(error.into()),
            Poll::Pending => {}
        }
        let goes_on = inner.uncrowd();
        Ok(goes_on || (was_full && !inner.is_full()))
    }

    fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &mut BytesMut,
        now: Instant,
    ) -> Poll<io::Result<()>> {
        while !outbox.is_empty() {
            self.unflushed = true;
            match Pin::new(&mut self.io).poll_write(cx, outbox) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => {
                    outbox.advance(written);
                    self.blocked_since = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.blocked_since.get_or_insert(now);
                    return Poll::Pending;
                }
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.blocked_since.get_or_insert(now);
                    return Poll::Pending;
                }
            }
        }
        self.blocked_since = None;
        Poll::Ready(Ok(()))
    }

    /// Writes everything and closes, then waits for the peer to do the same:
    /// what it still sends would otherwise make the network forget what it
    /// was told.
    pub(super) async fn close(&mut self, links: &Links) -> io::Result<()> {
        let mut outbox = std::mem::take(links.lock().engine.outbox());
        self.io.write_all_buf(&mut outbox).await?;
        self.io.shutdown().await?;
        let mut unheard = [0; 1024];
        while self.io.read(&mut unheard).await? > 0 {}
        Ok(())
    }
}

fn give_back(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > 0 {
        *buffer = BytesMut::new();
    }
}
