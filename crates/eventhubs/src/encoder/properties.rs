//! The properties of an event that the standard has a place for.

use bytes::BytesMut;
use twinhub_amqp_engine::value;
use twinhub_core::messages::SystemProperty;
use twinhub_core::time::Timestamp;

use super::SystemProperties;
use super::sections::{
    PROPERTIES, Section, put_binary, put_null, put_string, put_symbol, put_timestamp,
};
use crate::moments;

pub(super) fn write(system: &SystemProperties<'_>, out: &mut BytesMut) {
    let section = Section::list(PROPERTIES, out);
    let mut fields = Fields {
        out,
        written: 0,
        due: 0,
    };
    fields.text(system.get(SystemProperty::MessageId));
    fields.binary(system.get(SystemProperty::UserId));
    fields.text(system.get(SystemProperty::To));
    fields.absent(); // subject
    fields.absent(); // reply-to
    fields.text(system.get(SystemProperty::CorrelationId));
    fields.symbol(system.get(SystemProperty::ContentType));
    fields.symbol(system.get(SystemProperty::ContentEncoding));
    fields.moment(expiry(system).and_then(Result::ok));
    match fields.written {
        0 => section.cancel(out),
        written => section.end(written, out),
    }
}

/// When a message is of no use any more; its text if that is no moment.
pub(super) fn expiry<'a>(
    system: &SystemProperties<'a>,
) -> Option<Result<value::Timestamp, &'a str>> {
    let text = system.get(SystemProperty::AbsoluteExpiry)?;
    Some(Timestamp::parse(text).map(moments::to_wire).ok_or(text))
}

/// The fields of the list, in its order. Nulls at the end are not written.
struct Fields<'o> {
    out: &'o mut BytesMut,
    written: u32,
    /// Nulls that are written once a value follows.
    due: u32,
}

impl Fields<'_> {
    fn absent(&mut self) {
        self.due += 1;
    }

    fn text(&mut self, value: Option<&str>) {
        self.field(value, put_string);
    }

    fn binary(&mut self, value: Option<&str>) {
        self.field(value, |out, value| put_binary(out, value.as_bytes()));
    }

    fn symbol(&mut self, value: Option<&str>) {
        self.field(value, put_symbol);
    }

    fn moment(&mut self, value: Option<value::Timestamp>) {
        self.field(value, put_timestamp);
    }

    fn field<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut BytesMut, T)) {
        let Some(value) = value else {
            return self.absent();
        };
        for _ in 0..self.due {
            put_null(self.out);
        }
        put(self.out, value);
        self.written += self.due + 1;
        self.due = 0;
    }
}
