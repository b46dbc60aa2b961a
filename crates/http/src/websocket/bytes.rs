//! The bytes in binary messages.
//!
//! [`Messages`] promises what a byte stream does: messages come out as their
//! bytes one behind the other, and each write goes out as one message, a large
//! one as several. The library collects a message before it gives it out, so
//! what it may collect depends on who sends: little for a stranger, more for
//! whoever is admitted.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker, ready};

use bytes::{Buf as _, Bytes};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

/// The largest message of a stranger: room for the largest introduction.
pub(super) const STRANGERS_MESSAGE: usize = 80 * 1024;
/// The largest message, and the most that is kept for a peer that does not
/// read: more than any packet that a message may carry.
pub(super) const MAX_MESSAGE: usize = 1024 * 1024;
/// The largest message that is sent: several fit into what is kept.
const MAX_SENT: usize = MAX_MESSAGE / 4;
/// What a connection reads at once; it is kept while the connection lives.
const READ_BUFFER: usize = 4 * 1024;

/// A WebSocket as a stream of bytes.
pub(super) struct Messages<S> {
    socket: WebSocket<Polled<S>>,
    wakers: Arc<Wakers>,
    admitted: Arc<AtomicBool>,
    limits_raised: bool,
    /// What is left of the message that is being read.
    unread: Bytes,
    ended: bool,
    /// A message waits in the library's buffer until the peer reads.
    write_blocked: bool,
    closing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Messages<S> {
    /// The server's end of an upgraded connection. Once `admitted` is set,
    /// larger messages are taken.
    pub(super) fn new(io: S, admitted: Arc<AtomicBool>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(MAX_MESSAGE)
            .max_message_size(Some(STRANGERS_MESSAGE))
            .max_frame_size(Some(STRANGERS_MESSAGE));
        let wakers = Arc::new(Wakers::default());
        let io = Polled {
            io,
            waker: wakers.clone().into(),
        };
        Messages {
            socket: WebSocket::from_raw_socket(io, Role::Server, Some(config)),
            wakers,
            admitted,
            limits_raised: false,
            unread: Bytes::new(),
            ended: false,
            write_blocked: false,
            closing: false,
        }
    }

    fn raise_limits_once_admitted(&mut self) {
        if !self.limits_raised && self.admitted.load(Ordering::Acquire) {
            self.limits_raised = true;
            self.socket.set_config(|config| {
                config.max_message_size = Some(MAX_MESSAGE);
                config.max_frame_size = Some(MAX_MESSAGE);
            });
        }
    }

    /// The next message with bytes in it; `None` at the end. Pings are
    /// answered below this, text is an error.
    fn poll_message(&mut self) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            self.raise_limits_once_admitted();
            match self.socket.read() {
                Ok(Message::Binary(bytes)) if bytes.is_empty() => {}
                Ok(Message::Binary(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_)) => {
                }
                Ok(Message::Text(_)) => {
                    return Poll::Ready(Some(Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a text message where binary ones are spoken",
                    ))));
                }
                Err(error) if is_pending(&error) => return Poll::Pending,
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
            }
        }
    }

    fn poll_flushed(&mut self) -> Poll<io::Result<()>> {
        match self.socket.flush() {
            Ok(()) | Err(Error::ConnectionClosed) => {
                self.write_blocked = false;
                Poll::Ready(Ok(()))
            }
            Err(error) if is_pending(&error) => Poll::Pending,
            Err(error) => Poll::Ready(Err(io::Error::other(error))),
        }
    }
}

fn is_pending(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Messages<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.reader.register(cx.waker());
        if this.unread.is_empty() {
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            match ready!(this.poll_message()) {
                Some(Ok(bytes)) => this.unread = bytes,
                end => {
                    this.ended = true;
                    return Poll::Ready(end.map_or(Ok(()), |error| error.map(drop)));
                }
            }
        }
        let count = this.unread.len().min(buf.remaining());
        buf.put_slice(&this.unread[..count]);
        this.unread.advance(count);
        if this.unread.is_empty() {
            // What was read must not keep a message's memory alive.
            this.unread = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Messages<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.wakers.writer.register(cx.waker());
        if this.write_blocked {
            ready!(this.poll_flushed())?;
        }
        let buf = &buf[..buf.len().min(MAX_SENT)];
        let message = Message::Binary(Bytes::copy_from_slice(buf));
        match this.socket.write(message) {
            Ok(()) => {}
            // It was taken, and waits.
            Err(error) if is_pending(&error) => this.write_blocked = true,
            Err(error) => return Poll::Ready(Err(io::Error::other(error))),
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.writer.register(cx.waker());
        this.poll_flushed()
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.wakers.writer.register(cx.waker());
        if this.closing {
            return this.poll_flushed();
        }
        this.closing = true;
        match this.socket.close(None) {
            Ok(()) | Err(Error::ConnectionClosed) => Poll::Ready(Ok(())),
            Err(error) if is_pending(&error) => Poll::Pending,
            Err(error) => Poll::Ready(Err(io::Error::other(error))),
        }
    }
}

/// Who waits for the connection. Both are woken together, because a read may
/// write the answer to a ping.
#[derive(Default)]
struct Wakers {
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        self.reader.wake();
        self.writer.wake();
    }
}

/// A connection as the library wants it: what is pending would block.
struct Polled<S> {
    io: S,
    waker: Waker,
}

impl<S> Polled<S> {
    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::Result<T>
    where
        S: Unpin,
    {
        match poll(
            Pin::new(&mut self.io),
            &mut Context::from_waker(&self.waker),
        ) {
            Poll::Ready(done) => done,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<S: AsyncRead + Unpin> Read for Polled<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.poll(|io, cx| io.poll_read(cx, &mut buf))?;
        Ok(buf.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Polled<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.poll(|io, cx| io.poll_write(cx, buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.poll(|io, cx| io.poll_flush(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    /// A client's binary frame, masked with zeros.
    fn frame(payload: &[u8]) -> Vec<u8> {
        let length = u64::try_from(payload.len()).unwrap();
        let mut frame = vec![0x82, 0x80 | 127];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(payload);
        frame
    }

    fn connection() -> (DuplexStream, Messages<DuplexStream>, Arc<AtomicBool>) {
        let (client, server) = duplex(16 * 1024);
        let admitted = Arc::new(AtomicBool::new(false));
        let messages = Messages::new(server, admitted.clone());
        (client, messages, admitted)
    }

    #[tokio::test]
    async fn a_strangers_large_message_ends_the_stream() {
        let (mut client, mut messages, _) = connection();
        let header = &frame(&[7; 100 * 1024])[..14];
        client.write_all(header).await.unwrap();

        // Its header is enough.
        let mut buffer = [0; 16];
        assert!(messages.read(&mut buffer).await.is_err());
        assert_eq!(messages.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_large_message_passes_after_admission() {
        let (mut client, mut messages, admitted) = connection();
        client.write_all(&frame(b"introduction")).await.unwrap();
        let mut introduction = [0; 12];
        messages.read_exact(&mut introduction).await.unwrap();

        admitted.store(true, Ordering::Release);
        let sent = vec![7; 400 * 1024];
        let message = frame(&sent);
        let sending = tokio::spawn(async move {
            client.write_all(&message).await.unwrap();
            client
        });

        let mut received = vec![0; sent.len()];
        messages.read_exact(&mut received).await.unwrap();
        assert!(received == sent);
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn a_write_larger_than_what_is_kept_passes_in_several_messages() {
        let (mut client, mut messages, _) = connection();
        let writing = tokio::spawn(async move {
            messages.write_all(&vec![7; 2 * MAX_MESSAGE]).await.unwrap();
            messages.flush().await.unwrap();
            messages
        });

        let mut payload = 0;
        while payload < 2 * MAX_MESSAGE {
            let mut header = [0; 10];
            client.read_exact(&mut header).await.unwrap();
            assert_eq!(header[..2], [0x82, 127]);
            let length = u64::from_be_bytes(header[2..].try_into().unwrap());
            let mut bytes = vec![0; usize::try_from(length).unwrap()];
            client.read_exact(&mut bytes).await.unwrap();
            payload += bytes.len();
        }

        assert_eq!(payload, 2 * MAX_MESSAGE);
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn a_write_waits_for_a_peer_that_does_not_read_and_is_one_message() {
        let (mut client, mut messages, _) = connection();
        let writing = tokio::spawn(async move {
            messages.write_all(&[7; 40 * 1024]).await.unwrap();
            messages.flush().await.unwrap();
            messages.shutdown().await.unwrap();
        });
        tokio::task::yield_now().await;
        assert!(!writing.is_finished());

        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();

        writing.await.unwrap();
        assert_eq!(received[..4], [0x82, 126, 0xa0, 0x00]);
        assert_eq!(received[4..4 + 40 * 1024], [7; 40 * 1024]);
        // A close frame without a reason.
        assert_eq!(received[4 + 40 * 1024..], [0x88, 0]);
    }

    #[tokio::test]
    async fn a_ping_is_answered_while_nothing_is_written() {
        let (mut client, mut messages, _) = connection();
        let reading = tokio::spawn(async move { messages.read(&mut [0; 16]).await });

        client
            .write_all(&[0x89, 0x81, 0, 0, 0, 0, b'?'])
            .await
            .unwrap();

        let mut pong = [0; 3];
        client.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong, [0x8a, 1, b'?']);
        drop(client);
        assert!(reading.await.unwrap().is_err());
    }
}
