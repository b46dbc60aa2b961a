//! `echo-server`: the limit, a server that does nothing but acknowledge.
//!
//! It lets everybody in, looks at nothing but where a packet ends and what its
//! identifier is, and answers all that one round of its poll has brought, many
//! in a write. With `--file` it first writes the messages to a file that was
//! filled beforehand, and waits for one fdatasync per round: what no durable
//! server can do without.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use mio::{Events, Interest, Poll, Token, net::TcpListener};
use rustls::{
    Connection, ServerConfig, ServerConnection,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use crate::link::{Link, PeerState};

const LISTENER: Token = Token(usize::MAX);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const PINGRESP: [u8; 2] = [0xD0, 0];
/// The file is written from its start again after so many bytes.
const FILE_LENGTH: u64 = 256 * 1024 * 1024;

/// Where, how, for how long.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Its certificate and those that vouch for it, PEM; without, it speaks no TLS
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Make messages durable in this file before they are acknowledged
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Seconds after which it ends
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Serves until the time is over.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let tls = match (&args.certificate, &args.key) {
        (Some(certificate), Some(key)) => Some(server_tls(certificate, key)?),
        _ => None,
    };
    let storage = args.file.as_deref().map(Storage::create).transpose()?;
    let mut server = Server::bind(args.listen, tls, storage)?;
    server.run_until(Instant::now() + Duration::from_secs(args.seconds))
}

fn server_tls(certificate: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .with_context(|| format!("could not read {}", certificate.display()))?
        .collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("could not read {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// All connections, and what a round of the poll leaves to do.
struct Server {
    poll: Poll,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    storage: Option<Storage>,
    /// By token; closed ones leave their place empty.
    peers: Vec<Option<Peer>>,
    scratch: Vec<u8>,
    /// Those that answers wait for.
    touched: Vec<usize>,
}

struct Peer {
    link: Link,
    inbox: Vec<u8>,
    answers: Vec<u8>,
}

/// A file of zeroes that messages are written over.
struct Storage {
    file: File,
    written: u64,
    batch: Vec<u8>,
}

impl Server {
    fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        storage: Option<Storage>,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)
            .with_context(|| format!("{address} is not free to listen on"))?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            tls,
            storage,
            peers: Vec::new(),
            scratch: vec![0; 64 * 1024],
            touched: Vec::new(),
        })
    }

    fn run_until(&mut self, end: Instant) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(LOOK_EVERY))?;
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(index) => self.hear(index)?,
                }
            }
            if let Some(storage) = &mut self.storage {
                storage.make_durable()?;
            }
            self.answer();
        }
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        while let Ok((socket, _)) = self.listener.accept() {
            socket.set_nodelay(true)?;
            let tls = match &self.tls {
                None => None,
                Some(config) => {
                    let mut tls = ServerConnection::new(config.clone())?;
                    tls.set_buffer_limit(None);
                    Some(Connection::from(tls))
                }
            };
            let mut link = Link::new(socket, tls);
            link.register(self.poll.registry(), Token(self.peers.len()))?;
            self.peers.push(Some(Peer {
                link,
                inbox: Vec::new(),
                answers: Vec::new(),
            }));
        }
        Ok(())
    }

    /// Reads what a peer has sent and prepares the answers.
    fn hear(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(peer) = &mut self.peers[index] else {
            return Ok(());
        };
        let heard = peer.link.receive(&mut self.scratch, &mut peer.inbox);
        if !matches!(heard, Ok(PeerState::Open)) {
            self.peers[index] = None;
            return Ok(());
        }
        let mut taken = 0;
        while let Some(length) = packet_length(&peer.inbox[taken..])? {
            let packet = &peer.inbox[taken..taken + length];
            append_answer(packet, &mut peer.answers);
            if let Some(storage) = &mut self.storage {
                storage.batch.extend_from_slice(packet);
            }
            taken += length;
        }
        peer.inbox.drain(..taken);
        self.touched.push(index);
        Ok(())
    }

    fn answer(&mut self) {
        for index in self.touched.drain(..) {
            let Some(peer) = &mut self.peers[index] else {
                continue;
            };
            let sent = if peer.answers.is_empty() {
                peer.link.flush()
            } else {
                peer.link.send(&peer.answers)
            };
            peer.answers.clear();
            if sent.is_err() {
                self.peers[index] = None;
            }
        }
    }
}

impl Storage {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let mut file =
            File::create(path).with_context(|| format!("could not create {}", path.display()))?;
        let zeroes = vec![0; 1024 * 1024];
        for _ in 0..FILE_LENGTH / zeroes.len() as u64 {
            file.write_all(&zeroes)?;
        }
        file.sync_all()?;
        file.rewind()?;
        Ok(Self {
            file,
            written: 0,
            batch: Vec::new(),
        })
    }

    fn make_durable(&mut self) -> anyhow::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.written + self.batch.len() as u64 > FILE_LENGTH {
            self.file.seek(SeekFrom::Start(0))?;
            self.written = 0;
        }
        self.file.write_all(&self.batch)?;
        self.file.sync_data()?;
        self.written += self.batch.len() as u64;
        self.batch.clear();
        Ok(())
    }
}

/// The length of the packet at the front, if it is there whole.
fn packet_length(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let mut remaining = 0;
    for at in 1..=4 {
        let Some(byte) = bytes.get(at) else {
            return Ok(None);
        };
        remaining |= usize::from(byte & 0x7F) << (7 * (at - 1));
        if byte & 0x80 == 0 {
            let length = 1 + at + remaining;
            return Ok((bytes.len() >= length).then_some(length));
        }
    }
    bail!("a client does not speak MQTT")
}

/// Appends what answers a whole packet.
fn append_answer(packet: &[u8], answers: &mut Vec<u8>) {
    match packet[0] {
        0x10 => answers.extend_from_slice(&CONNACK),
        0x32 | 0x3A => {
            let Some(id) = publish_id(packet) else { return };
            answers.extend_from_slice(&[0x40, 2]);
            answers.extend_from_slice(id);
        }
        0xC0 => answers.extend_from_slice(&PINGRESP),
        _ => {}
    }
}

/// The identifier of a PUBLISH: it follows the topic.
fn publish_id(packet: &[u8]) -> Option<&[u8]> {
    let header = 1 + packet[1..].iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (topic_length, topic) = packet.get(header..)?.split_first_chunk()?;
    let topic_length = usize::from(u16::from_be_bytes(*topic_length));
    topic.get(topic_length..topic_length + size_of::<u16>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISH: [u8; 9] = [0x32, 7, 0, 1, b't', 0x12, 0x34, b'h', b'i'];

    #[test]
    fn a_packet_is_taken_when_it_is_whole() {
        for cut in 0..PUBLISH.len() {
            assert_eq!(packet_length(&PUBLISH[..cut]).unwrap(), None);
        }
        assert_eq!(packet_length(&PUBLISH).unwrap(), Some(PUBLISH.len()));
        assert!(packet_length(&[0x32, 0xFF, 0xFF, 0xFF, 0xFF, 1]).is_err());
    }

    #[test]
    fn a_message_is_acknowledged_under_its_identifier() {
        let mut answers = Vec::new();

        append_answer(&PUBLISH, &mut answers);

        assert_eq!(answers, [0x40, 2, 0x12, 0x34]);
    }
}
