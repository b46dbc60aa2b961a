//! Avro files.
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-query-avro-data>

use std::sync::LazyLock;

use apache_avro::{Codec, DeflateSettings, Schema, Writer};
use serde::Serialize;
use serde_bytes::Bytes;
use twinhub_core::events::EventRef;

use super::record::{Application, Properties, system_properties};

/// The record that readers of Azure's files know.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    Schema::parse_str(
        r#"{
            "type": "record",
            "name": "Message",
            "namespace": "Microsoft.Azure.Devices",
            "fields": [
                {"name": "EnqueuedTimeUtc", "type": "string"},
                {"name": "Properties", "type": {"type": "map", "values": "string"}},
                {"name": "SystemProperties", "type": {"type": "map", "values": "string"}},
                {"name": "Body", "type": ["null", "bytes"]}
            ]
        }"#,
    )
    .expect("this is a schema")
});

/// Records of one block; they are in memory until it is written.
const AVRO_BLOCK: usize = 64 * 1024;

/// An Avro file that is being written, block by block.
pub(super) struct AvroFile(Writer<'static, Vec<u8>>);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Record<'a, 'e> {
    enqueued_time_utc: &'a str,
    properties: Application<'a, 'e>,
    system_properties: Properties<'a>,
    body: Option<&'a Bytes>,
}

impl AvroFile {
    /// A new one; `deflate` says whether its blocks are compressed.
    pub(super) fn new(deflate: bool) -> Self {
        let codec = if deflate {
            Codec::Deflate(DeflateSettings::default())
        } else {
            Codec::Null
        };
        let writer = Writer::builder()
            .schema(&SCHEMA)
            .writer(Vec::new())
            .codec(codec)
            .block_size(AVRO_BLOCK)
            .build();
        AvroFile(writer.expect("the schema names nothing that it does not have"))
    }

    /// Appends an event.
    pub(super) fn append(&mut self, event: &EventRef<'_>) {
        let enqueued = event.enqueued.to_string();
        let record = Record {
            enqueued_time_utc: &enqueued,
            properties: Application(event),
            system_properties: system_properties(event, &enqueued),
            body: Some(Bytes::new(event.body())),
        };
        self.0
            .append_ser(record)
            .expect("the record is the schema's, and goes to memory");
    }

    /// The blocks that are written since the last time.
    pub(super) fn written(&mut self) -> &mut Vec<u8> {
        self.0.get_mut()
    }

    /// Writes the last block.
    pub(super) fn end(&mut self) {
        self.0.flush().expect("the block goes to memory");
    }
}

#[cfg(test)]
mod tests {
    use apache_avro::Reader;
    use apache_avro::types::Value;
    use twinhub_core::messages::Message;

    use super::*;
    use crate::samples::event;

    fn file(deflate: bool, count: usize) -> Vec<u8> {
        let mut file = AvroFile::new(deflate);
        let mut bytes = Vec::new();
        for number in 0..count {
            let message = Message {
                system: vec![],
                application: vec![("number".into(), Some(number.to_string().into()))],
                body: vec![b'b'; 2000].into(),
            };
            file.append(&(&event(number as u64, message)).into());
            bytes.append(file.written());
        }
        file.end();
        bytes.append(file.written());
        bytes
    }

    fn field<'a>(record: &'a Value, name: &str) -> &'a Value {
        let Value::Record(fields) = record else {
            panic!("{record:?}");
        };
        &fields.iter().find(|(field, _)| field == name).unwrap().1
    }

    #[test]
    fn a_file_in_pieces_is_a_file_of_records() {
        for deflate in [false, true] {
            let bytes = file(deflate, 100);

            let reader = Reader::new(bytes.as_slice()).unwrap();
            assert_eq!(
                reader.writer_schema().name().unwrap().to_string(),
                "Microsoft.Azure.Devices.Message"
            );
            let records: Vec<_> = reader.map(Result::unwrap).collect();
            assert_eq!(records.len(), 100);
            let record = &records[99];
            let Value::Map(properties) = field(record, "Properties") else {
                panic!("{record:?}");
            };
            assert_eq!(properties["number"], Value::String("99".to_owned()));
            assert_eq!(
                field(record, "EnqueuedTimeUtc"),
                &Value::String("2026-11-21T08:00:00.0000000Z".to_owned())
            );
            let body = Value::Bytes(vec![b'b'; 2000]);
            assert_eq!(field(record, "Body"), &Value::Union(1, Box::new(body)));
        }
    }

    #[test]
    fn compressed_blocks_are_smaller() {
        assert!(file(true, 100).len() * 10 < file(false, 100).len());
    }
}
