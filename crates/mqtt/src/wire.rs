//! A byte stream with its buffers.
//!
//! Reads are as large as a TLS record and hold many packets; writes hold
//! many. While nothing is under way a connection has no buffer at all: what is
//! read lands on the stack first.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use twinhub_mqtt_codec::{DecodeError, Packet, decode};

/// The plaintext of one TLS record.
const READ_SIZE: usize = 16 * 1024;

/// A byte stream with its buffers.
pub(crate) struct Wire<S> {
    stream: S,
    inbox: BytesMut,
    outbox: BytesMut,
    /// Bytes that the stream has taken may still be within it.
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Wire {
            stream,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            unflushed: false,
        }
    }

    /// What was read and not taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.inbox
    }

    /// Takes so many bytes of what was read.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.inbox.advance(bytes);
    }

    /// The next packet of what was read, if it is complete.
    pub(crate) fn next_packet(&mut self, max: usize) -> Result<Option<Packet>, DecodeError> {
        if self.inbox.is_empty() {
            return Ok(None);
        }
        decode(&mut self.inbox, max)
    }

    /// Reads more; 0 is the end of the stream. Safe to cancel.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        poll_fn(|cx| {
            let mut space = [const { MaybeUninit::uninit() }; READ_SIZE];
            let mut read = ReadBuf::uninit(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) => {
                    self.inbox.extend_from_slice(read.filled());
                    Poll::Ready(Ok(read.filled().len()))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => {
                    give_back(&mut self.inbox);
                    give_back(&mut self.outbox);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Where to put what shall be written.
    pub(crate) fn outbox(&mut self) -> &mut BytesMut {
        &mut self.outbox
    }

    /// How much waits to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// Whether everything has been handed to the network.
    pub(crate) fn is_flushed(&self) -> bool {
        self.outbox.is_empty() && !self.unflushed
    }

    /// Writes everything. Safe to cancel: the next call goes on.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            self.unflushed = true;
            if self.stream.write_buf(&mut self.outbox).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        self.stream.flush().await?;
        self.unflushed = false;
        Ok(())
    }

    /// Writes everything and closes.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }
}

fn give_back(buffer: &mut BytesMut) {
    if buffer.is_empty() && buffer.capacity() > 0 {
        *buffer = BytesMut::new();
    }
}
