//! One session: its links, and what arrives on them.

use std::collections::HashMap;

use bytes::{Bytes, BytesMut};
use twinhub_amqp_engine::decode::Limits;
use twinhub_amqp_engine::message::Message;
use twinhub_amqp_engine::performatives::{
    AmqpError, Attach, Begin, DeliveryState, Detach, Disposition, Flow, Performative, Role,
    SenderSettleMode, Transfer, condition,
};

use crate::Failure;
use crate::nodes::{self, Node, Reader};

/// What a transfer carries at most, so that the large event takes several.
const CHUNK: usize = 1024;
const WINDOW: u32 = 5000;
const CREDIT: u32 = 100;

/// The links of a session, by the client's handles, which are also ours.
pub struct Session {
    next_incoming_id: u32,
    next_outgoing_id: u32,
    links: HashMap<u32, Link>,
}

enum Link {
    /// The client sends requests to a node.
    Requests { node: Node, partial: BytesMut },
    /// The client receives a node's answers.
    Answers { node: Node, delivery_count: u32 },
    /// The client reads events.
    Events { reader: Reader, delivery_count: u32 },
}

impl Session {
    pub fn begun(begin: &Begin) -> Self {
        Self {
            next_incoming_id: begin.next_outgoing_id,
            next_outgoing_id: 0,
            links: HashMap::new(),
        }
    }

    pub fn take(
        &mut self,
        performative: Performative,
        out: &mut Vec<Performative>,
    ) -> Result<(), Failure> {
        match performative {
            Performative::Attach(attach) => self.attach(*attach, out),
            Performative::Flow(flow) => self.flow(&flow, out),
            Performative::Transfer(transfer) => self.transfer(transfer, out),
            Performative::Detach(detach) => {
                // A link that was refused is detached already.
                if self.links.remove(&detach.handle).is_some() {
                    out.push(
                        Detach {
                            handle: detach.handle,
                            closed: detach.closed,
                            error: None,
                        }
                        .into(),
                    );
                }
                Ok(())
            }
            Performative::Disposition(_) => Ok(()),
            other => Err(format!("unexpected in a session: {other:?}").into()),
        }
    }

    fn attach(&mut self, attach: Attach, out: &mut Vec<Performative>) -> Result<(), Failure> {
        let handle = attach.handle;
        let link = match nodes::resolve(&attach) {
            Ok(link) => link,
            Err(reason) => {
                refuse(attach, reason, out);
                return Ok(());
            }
        };
        let mut answer = answer_to(attach);
        match link {
            nodes::Resolved::Node(node) if answer.role == Role::Receiver => {
                answer.max_message_size = Some(1 << 20);
                out.push(answer.into());
                out.push(self.link_flow(handle, 0, CREDIT).into());
                let partial = BytesMut::new();
                self.links.insert(handle, Link::Requests { node, partial });
            }
            nodes::Resolved::Node(node) => {
                answer.initial_delivery_count = Some(0);
                out.push(answer.into());
                let link = Link::Answers {
                    node,
                    delivery_count: 0,
                };
                self.links.insert(handle, link);
            }
            nodes::Resolved::Reader(reader) => {
                answer.initial_delivery_count = Some(0);
                answer.snd_settle_mode = SenderSettleMode::Settled;
                answer.offered_capabilities = reader.capabilities();
                out.push(answer.into());
                let link = Link::Events {
                    reader,
                    delivery_count: 0,
                };
                self.links.insert(handle, link);
            }
        }
        Ok(())
    }

    fn flow(&mut self, flow: &Flow, out: &mut Vec<Performative>) -> Result<(), Failure> {
        let Some(handle) = flow.handle else {
            return Ok(());
        };
        let Some(Link::Events {
            reader,
            delivery_count,
        }) = self.links.get_mut(&handle)
        else {
            return Ok(());
        };
        for _ in 0..flow.link_credit.unwrap_or(0) {
            let Some(event) = reader.next_event() else {
                break;
            };
            *delivery_count += 1;
            send(&event, handle, &mut self.next_outgoing_id, out)?;
        }
        Ok(())
    }

    fn transfer(&mut self, transfer: Transfer, out: &mut Vec<Performative>) -> Result<(), Failure> {
        let delivery_id = transfer.delivery_id.unwrap_or(self.next_incoming_id);
        self.next_incoming_id = self.next_incoming_id.wrapping_add(1);
        let Some(Link::Requests { node, partial }) = self.links.get_mut(&transfer.handle) else {
            return Err("a transfer on a link that takes none".into());
        };
        partial.extend_from_slice(&transfer.payload);
        if transfer.more {
            return Ok(());
        }
        let node = *node;
        let request = Message::decode(partial.split().freeze(), Limits::default())?;

        // The request's outcome has to be there before the answer.
        out.push(accepted(delivery_id).into());
        let answer = nodes::answer(node, &request);
        let (handle, delivery_count) = self
            .links
            .iter_mut()
            .find_map(|(handle, link)| match link {
                Link::Answers {
                    node: answering,
                    delivery_count,
                } if *answering == node => Some((*handle, delivery_count)),
                _ => None,
            })
            .ok_or("a request without a link for its answer")?;
        *delivery_count += 1;
        send(&answer, handle, &mut self.next_outgoing_id, out)
    }

    fn link_flow(&self, handle: u32, delivery_count: u32, credit: u32) -> Flow {
        Flow {
            next_incoming_id: Some(self.next_incoming_id),
            incoming_window: WINDOW,
            next_outgoing_id: self.next_outgoing_id,
            outgoing_window: WINDOW,
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(credit),
            available: None,
            drain: false,
            echo: false,
            properties: Default::default(),
        }
    }
}

fn answer_to(attach: Attach) -> Attach {
    Attach {
        role: attach.role.opposite(),
        initial_delivery_count: None,
        max_message_size: None,
        desired_capabilities: Vec::new(),
        properties: Default::default(),
        ..attach
    }
}

/// A refusal is an attach without terminuses, then a detach with the reason.
fn refuse(attach: Attach, reason: String, out: &mut Vec<Performative>) {
    let handle = attach.handle;
    let mut answer = answer_to(attach);
    if answer.role == Role::Sender {
        answer.initial_delivery_count = Some(0);
    }
    answer.source = None;
    answer.target = None;
    out.push(answer.into());
    out.push(
        Detach {
            handle,
            closed: true,
            error: Some(AmqpError::new(condition::NOT_FOUND, reason)),
        }
        .into(),
    );
}

fn accepted(delivery_id: u32) -> Disposition {
    Disposition {
        role: Role::Receiver,
        first: delivery_id,
        last: Some(delivery_id),
        settled: true,
        state: Some(DeliveryState::Accepted),
        batchable: false,
    }
}

/// Sends a message settled, in as many frames as it takes.
fn send(
    message: &Message,
    handle: u32,
    next_outgoing_id: &mut u32,
    out: &mut Vec<Performative>,
) -> Result<(), Failure> {
    let mut encoded = BytesMut::new();
    message.encode(&mut encoded)?;
    let mut rest = encoded.freeze();
    let delivery_id = *next_outgoing_id;
    let mut first = true;
    while first || !rest.is_empty() {
        let payload = rest.split_to(rest.len().min(CHUNK));
        out.push(
            Transfer {
                handle,
                delivery_id: first.then_some(delivery_id),
                delivery_tag: first.then(|| Bytes::copy_from_slice(&delivery_id.to_be_bytes())),
                message_format: first.then_some(0),
                settled: Some(true),
                more: !rest.is_empty(),
                rcv_settle_mode: None,
                state: None,
                resume: false,
                aborted: false,
                batchable: false,
                payload,
            }
            .into(),
        );
        *next_outgoing_id = next_outgoing_id.wrapping_add(1);
        first = false;
    }
    Ok(())
}
