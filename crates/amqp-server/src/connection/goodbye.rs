//! How a connection ends: its links are told, the peer is told, and the
//! links' futures are given a moment to put things in order.

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use twinhub_amqp_engine::performatives::{AmqpError, condition};

use super::Connection;
use super::end::End;

impl<S, F> Connection<'_, S, F>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    F: FnOnce() + Send,
{
    /// Ends the connection.
    pub(super) async fn say_goodbye(self, end: End) {
        let Connection {
            server,
            mut stream,
            links,
            cbs,
            mut futures,
            nodes,
            ..
        } = self;
        {
            let mut inner = links.lock();
            if let End::ShuttingDown = end {
                // Node's readers wait out their time when only a close comes.
                inner.detach_all(&AmqpError::new(
                    condition::DETACH_FORCED,
                    "the hub is shutting down",
                ));
            }
            inner.all_gone(end.gone());
            if let Some(farewell) = end.farewell() {
                inner.engine.close(Some(farewell));
            }
        }
        drop((cbs, nodes));
        let settings = &server.settings;
        let tell = async {
            if !end.is_abrupt() {
                // The peer may be gone, or not reading: then it gets no more.
                let _ = timeout(settings.close_deadline, stream.close(&links)).await;
            }
            drop(stream);
        };
        let finish = async {
            let finished = async { while futures.next().await.is_some() {} };
            if timeout(settings.finish_deadline, finished).await.is_err() {
                tracing::warn!("links did not finish in time and are dropped");
            }
        };
        tokio::join!(tell, finish);
    }
}
