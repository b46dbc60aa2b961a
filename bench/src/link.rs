//! One connection of a loop that has many: bytes in, bytes out, never waiting.
//!
//! With or without TLS, on either side. A read takes all that the kernel has;
//! a write that the kernel does not take at once is kept until it does.

use std::io::{self, ErrorKind, Read as _, Write as _};

use mio::{Interest, Registry, Token, net::TcpStream};
use rustls::Connection;

/// A connection.
pub struct Link {
    socket: TcpStream,
    tls: Option<Connection>,
    /// Without TLS: what the kernel has not taken yet.
    unsent: Vec<u8>,
}

/// Whether the peer may send more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// It may.
    Open,
    /// It has closed the connection.
    Closed,
}

impl Link {
    /// A link over a socket that does not block.
    pub fn new(socket: TcpStream, tls: Option<Connection>) -> Self {
        Self {
            socket,
            tls,
            unsent: Vec::new(),
        }
    }

    /// Has the poll of `registry` tell of this link under `token`.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.socket, token, both)
    }

    /// Appends to `inbox` what has arrived; `scratch` is room to read into.
    pub fn receive(&mut self, scratch: &mut [u8], inbox: &mut Vec<u8>) -> io::Result<PeerState> {
        loop {
            let read = match self.socket.read(scratch) {
                Ok(0) => return Ok(PeerState::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(PeerState::Open),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            match &mut self.tls {
                None => inbox.extend_from_slice(&scratch[..read]),
                Some(tls) => decrypt(tls, &scratch[..read], inbox)?,
            }
            // Less than there was room for: nothing is left, and the poll
            // tells when there is more.
            if read < scratch.len() {
                break;
            }
        }
        // A handshake answers what it reads.
        self.flush()?;
        Ok(PeerState::Open)
    }

    /// Sends `bytes`, now or when the kernel has room.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes)?,
            None if self.unsent.is_empty() => {
                let sent = match self.socket.write(bytes) {
                    Ok(sent) => sent,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                    Err(error) => return Err(error),
                };
                self.unsent.extend_from_slice(&bytes[sent..]);
                return Ok(());
            }
            None => self.unsent.extend_from_slice(bytes),
        }
        self.flush()
    }

    /// Sends what is left of earlier writes, as far as the kernel takes it.
    pub fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.tls {
            Some(tls) => flush_tls(tls, &mut self.socket),
            None => flush_plain(&mut self.unsent, &mut self.socket),
        };
        match flushed {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }
}

fn flush_tls(tls: &mut Connection, socket: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(socket)?;
    }
    Ok(())
}

fn flush_plain(unsent: &mut Vec<u8>, socket: &mut TcpStream) -> io::Result<()> {
    while !unsent.is_empty() {
        let sent = socket.write(unsent)?;
        unsent.drain(..sent);
    }
    Ok(())
}

fn decrypt(tls: &mut Connection, mut bytes: &[u8], inbox: &mut Vec<u8>) -> io::Result<()> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes)?;
        let state = tls.process_new_packets().map_err(io::Error::other)?;
        let start = inbox.len();
        inbox.resize(start + state.plaintext_bytes_to_read(), 0);
        tls.reader().read_exact(&mut inbox[start..])?;
    }
    Ok(())
}
