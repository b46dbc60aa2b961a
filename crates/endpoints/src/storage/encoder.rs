//! Events into the bytes of a blob, piece by piece.

use twinhub_core::events::EventRef;
use twinhub_core::routing::StorageEncoding;

use super::avro::AvroFile;
use super::json_lines;

/// A blob's contents as they come about.
pub(super) enum Encoder {
    Lines(Vec<u8>),
    Avro(Box<AvroFile>),
}

impl Encoder {
    /// An encoder of a new blob.
    pub(super) fn new(encoding: StorageEncoding) -> Self {
        match encoding {
            StorageEncoding::Json => Encoder::Lines(Vec::new()),
            StorageEncoding::Avro => Encoder::Avro(Box::new(AvroFile::new(false))),
            StorageEncoding::AvroDeflate => Encoder::Avro(Box::new(AvroFile::new(true))),
        }
    }

    /// Appends an event.
    pub(super) fn append(&mut self, event: &EventRef<'_>) {
        match self {
            Encoder::Lines(lines) => json_lines::append(lines, event),
            Encoder::Avro(file) => file.append(event),
        }
    }

    /// The bytes that can go, which the caller takes.
    pub(super) fn written(&mut self) -> &mut Vec<u8> {
        match self {
            Encoder::Lines(lines) => lines,
            Encoder::Avro(file) => file.written(),
        }
    }

    /// No event will follow: all bytes can go.
    pub(super) fn end(&mut self) {
        match self {
            Encoder::Lines(_) => {}
            Encoder::Avro(file) => file.end(),
        }
    }
}
