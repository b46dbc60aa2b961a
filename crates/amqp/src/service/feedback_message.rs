//! A batch of feedback as SDKs read it.

use bytes::{Bytes, BytesMut};
use serde_json::Value as Json;
use twinhub_amqp_engine::message::{Body, Message, Properties};
use twinhub_amqp_engine::value::{Map, Symbol, Timestamp};
use twinhub_core::c2d::{FeedbackBatch, FeedbackRecord};
use twinhub_core::ids::HubName;

const CONTENT_TYPE: Symbol = Symbol::from_static("application/vnd.microsoft.iothub.feedback.json");
const CONTENT_ENCODING: Symbol = Symbol::from_static("utf-8");
const LOCK_TOKEN: Symbol = Symbol::from_static("x-opt-lock-token");
const ENQUEUED_TIME: Symbol = Symbol::from_static("iothub-enqueuedtime");
const DELIVERY_COUNT: Symbol = Symbol::from_static("iothub-deliverycount");

/// Appends a batch as an AMQP message. .NET needs the user and the time.
pub(super) fn write_feedback(batch: &FeedbackBatch, hub: &HubName, out: &mut BytesMut) {
    let count = u8::try_from(batch.delivery_count).unwrap_or(u8::MAX);
    let records: Vec<Json> = batch.records.iter().map(FeedbackRecord::to_json).collect();
    let message = Message {
        message_annotations: Map::new()
            .with(LOCK_TOKEN, batch.lock.to_string())
            .with(ENQUEUED_TIME, Timestamp(batch.enqueued.unix_millis()))
            .with(DELIVERY_COUNT, count),
        properties: Some(Properties {
            user_id: Some(Bytes::copy_from_slice(hub.as_str().as_bytes())),
            content_type: Some(CONTENT_TYPE),
            content_encoding: Some(CONTENT_ENCODING),
            ..Properties::default()
        }),
        body: Body::Data(vec![Json::from(records).to_string().into()]),
        ..Message::default()
    };
    message
        .encode(out)
        .expect("64 records of a few hundred bytes are far below 4 GiB");
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use twinhub_amqp_engine::decode::Limits;
    use twinhub_core::c2d::{FeedbackStatus, LockToken};
    use twinhub_core::ids::{DeviceId, IdentityId, ModuleId};
    use twinhub_core::time::Timestamp as Moment;

    use super::*;

    #[test]
    fn a_batch_is_one_message_with_what_dot_net_insists_on() {
        let moment = Moment::from_unix_seconds(1_600_000_000);
        let device = DeviceId::parse("pump-7").unwrap();
        let record = |identity: IdentityId, id: Option<&str>| FeedbackRecord {
            original_message_id: id.map(Into::into),
            enqueued: moment,
            status: FeedbackStatus::Expired,
            identity,
            generation: Moment::from_ticks(638_000_000_000_000_000),
        };
        let module = IdentityId::module(device.clone(), ModuleId::parse("m").unwrap());
        let batch = FeedbackBatch {
            lock: LockToken::random(),
            enqueued: moment,
            delivery_count: 1,
            records: vec![record(device.into(), Some("m-1")), record(module, None)],
        };

        let mut out = BytesMut::new();
        write_feedback(&batch, &HubName::parse("plant").unwrap(), &mut out);

        let message = Message::decode(out.freeze(), Limits::default()).unwrap();
        let annotations = message.message_annotations;
        assert_eq!(
            annotations.get("iothub-enqueuedtime"),
            Some(&Timestamp(1_600_000_000_000).into())
        );
        let properties = message.properties.unwrap();
        assert_eq!(properties.user_id.unwrap(), "plant");
        assert_eq!(properties.content_type, Some(CONTENT_TYPE));
        let Body::Data(data) = message.body else {
            panic!("the body must be data");
        };
        let records: Json = serde_json::from_slice(&data[0]).unwrap();
        let expected = json!([
            {
                "originalMessageId": "m-1",
                "enqueuedTimeUtc": "2020-09-13T12:26:40.0000000Z",
                "statusCode": "Expired",
                "description": "Message expired",
                "deviceId": "pump-7",
                "deviceGenerationId": "638000000000000000",
            },
            {
                "originalMessageId": null,
                "enqueuedTimeUtc": "2020-09-13T12:26:40.0000000Z",
                "statusCode": "Expired",
                "description": "Message expired",
                "deviceId": "pump-7",
                "deviceGenerationId": "638000000000000000",
                "moduleId": "m",
            },
        ]);
        assert_eq!(records, expected);
    }
}
