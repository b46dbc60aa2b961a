//! Frames over a TLS connection, both ways.

use anyhow::{Context as _, ensure};
use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use twinhub_amqp_engine::{
    decode::Limits,
    frame::{Frame, RawFrame},
    performatives::Performative,
    protocol_header::ProtocolHeader,
    sasl::SaslFrame,
};

use crate::{link::Link, target::Target};

/// The largest frame it reads, as the Event Hubs SDKs do.
pub const MAX_FRAME: u32 = 1024 * 1024;

/// A connection on which nothing has been said, or something.
pub struct Channel {
    stream: TlsStream<TcpStream>,
    inbox: BytesMut,
    outbox: BytesMut,
}

impl Channel {
    /// Connects the `index`th of all.
    pub async fn connect(target: &Target, index: usize) -> anyhow::Result<Self> {
        let tls = target.tls().context("this measures servers with TLS")?;
        let socket = TcpSocket::new_v4()?;
        if let Some(source) = target.source(index)? {
            socket.bind(source)?;
        }
        let address = target.amqp();
        let tcp = socket
            .connect(address)
            .await
            .with_context(|| format!("no server answers on {address}"))?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            stream: TlsConnector::from(tls.clone())
                .connect(target.server_name(), tcp)
                .await?,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
        })
    }

    /// The connection, and what has come over it and is not read.
    pub fn into_link(self) -> anyhow::Result<(Link, Vec<u8>)> {
        let (tcp, mut tls) = self.stream.into_inner();
        tls.set_buffer_limit(None);
        let socket = mio::net::TcpStream::from_std(tcp.into_std()?);
        Ok((Link::new(socket, Some(tls.into())), self.inbox.to_vec()))
    }

    /// Writes a performative with what is sent next.
    pub fn queue(&mut self, performative: impl Into<Performative>) -> anyhow::Result<()> {
        Frame::new(0, performative).encode(MAX_FRAME, &mut self.outbox)?;
        Ok(())
    }

    /// The same for SASL.
    pub fn queue_sasl(&mut self, frame: &SaslFrame) -> anyhow::Result<()> {
        frame.encode(MAX_FRAME, &mut self.outbox)?;
        Ok(())
    }

    /// Sends what is queued.
    pub async fn flush(&mut self) -> anyhow::Result<()> {
        if !self.outbox.is_empty() {
            self.stream.write_all_buf(&mut self.outbox).await?;
            self.stream.flush().await?;
        }
        Ok(())
    }

    /// The next performative that comes.
    pub async fn next(&mut self) -> anyhow::Result<Performative> {
        loop {
            let raw = self.raw().await?;
            if let Some(performative) = Frame::decode(raw, Limits::default())?.performative {
                return Ok(performative);
            }
        }
    }

    /// The next frame of SASL.
    pub async fn sasl(&mut self) -> anyhow::Result<SaslFrame> {
        let raw = self.raw().await?;
        Ok(SaslFrame::decode(raw, Limits::default())?)
    }

    async fn raw(&mut self) -> anyhow::Result<RawFrame> {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.inbox, MAX_FRAME)? {
                return Ok(raw);
            }
            self.read().await?;
        }
    }

    /// Sends a protocol header, and waits for the same.
    pub async fn header(&mut self, header: ProtocolHeader) -> anyhow::Result<()> {
        header.encode(&mut self.outbox);
        loop {
            if let Some(answer) = ProtocolHeader::take(&mut self.inbox)? {
                ensure!(answer == header, "the server answers with {answer:?}");
                return Ok(());
            }
            self.read().await?;
        }
    }

    /// Sends what is queued, and reads what comes.
    async fn read(&mut self) -> anyhow::Result<()> {
        self.flush().await?;
        let read = self.stream.read_buf(&mut self.inbox).await?;
        ensure!(read > 0, "the server has closed the connection");
        Ok(())
    }
}
