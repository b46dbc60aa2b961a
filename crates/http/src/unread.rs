//! Peers that do not read.
//!
//! A request's deadlines do not run while its answer is being written: without
//! a deadline for that, a peer that asks and never reads would keep its
//! connection, and the answer, for as long as it likes.

use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_io_timeout::TimeoutStream;

/// How long a write may wait without any progress.
const WRITE_DEADLINE: Duration = Duration::from_secs(60);

/// The same stream, on which a write fails once the peer has read nothing for
/// 60 s. What was upgraded keeps this.
pub(crate) fn closing_if_unread<S: AsyncRead + AsyncWrite>(
    stream: S,
) -> Pin<Box<TimeoutStream<S>>> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_DEADLINE));
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use http::Response;
    use http_body_util::Full;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    use super::*;

    const ANSWER: usize = 8 * 1024;

    /// Serves one connection, and tells when it ended and how.
    fn serve(stream: DuplexStream) -> JoinHandle<(Duration, hyper::Result<()>)> {
        let service = service_fn(|_| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(
                &[b'x'; ANSWER],
            ))))
        });
        tokio::spawn(async move {
            let started = Instant::now();
            let served = http1::Builder::new()
                .serve_connection(TokioIo::new(closing_if_unread(stream)), service)
                .with_upgrades()
                .await;
            (started.elapsed(), served)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_read_its_answer_is_closed() {
        let (mut client, server) = duplex(1024);
        let served = serve(server);

        client
            .write_all(b"GET / HTTP/1.1\r\nhost: hub\r\n\r\n")
            .await
            .unwrap();

        let (after, served) = served.await.unwrap();
        assert!(served.is_err());
        assert!(after >= WRITE_DEADLINE && after < 2 * WRITE_DEADLINE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_gets_all_of_its_answer() {
        let (mut client, server) = duplex(1024);
        let served = serve(server);
        client
            .write_all(b"GET / HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();

        let mut received = Vec::new();
        let mut part = [0; 1024];
        loop {
            sleep(WRITE_DEADLINE * 3 / 4).await;
            match client.read(&mut part).await.unwrap() {
                0 => break,
                count => received.extend_from_slice(&part[..count]),
            }
        }

        assert!(received.ends_with(&[b'x'; ANSWER]));
        let (after, served) = served.await.unwrap();
        served.unwrap();
        assert!(after > 2 * WRITE_DEADLINE);
    }
}
