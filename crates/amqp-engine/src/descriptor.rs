//! Descriptors: what says which composite type a described value is.

use crate::value::Symbol;

/// The descriptor of a described value.
///
/// The standard reserves every other type of descriptor, so nothing else is
/// accepted: a descriptor costs at most one symbol, however hostile the peer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Descriptor {
    /// A numeric descriptor: domain in the upper half, id in the lower.
    Code(u64),
    /// A symbolic descriptor.
    Name(Symbol),
}

impl Descriptor {
    /// The numeric code, also of the standard's symbolic names.
    pub fn code(&self) -> Option<u64> {
        match self {
            Self::Code(code) => Some(*code),
            Self::Name(name) => STANDARD
                .iter()
                .find(|(_, standard)| *standard == name.as_str())
                .map(|(code, _)| *code),
        }
    }
}

impl std::fmt::Display for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code:#x}"),
            Self::Name(name) => f.write_str(name.as_str()),
        }
    }
}

impl From<u64> for Descriptor {
    fn from(code: u64) -> Self {
        Self::Code(code)
    }
}

impl From<Symbol> for Descriptor {
    fn from(name: Symbol) -> Self {
        Self::Name(name)
    }
}

macro_rules! standard {
    ($($constant:ident = $code:literal, $name:literal;)*) => {
        $(
            #[doc = concat!("The code of `", $name, "`.")]
            pub const $constant: u64 = $code;
        )*
        const STANDARD: &[(u64, &str)] = &[$(($code, $name)),*];
    };
}

standard! {
    OPEN = 0x10, "amqp:open:list";
    BEGIN = 0x11, "amqp:begin:list";
    ATTACH = 0x12, "amqp:attach:list";
    FLOW = 0x13, "amqp:flow:list";
    TRANSFER = 0x14, "amqp:transfer:list";
    DISPOSITION = 0x15, "amqp:disposition:list";
    DETACH = 0x16, "amqp:detach:list";
    END = 0x17, "amqp:end:list";
    CLOSE = 0x18, "amqp:close:list";
    ERROR = 0x1d, "amqp:error:list";
    RECEIVED = 0x23, "amqp:received:list";
    ACCEPTED = 0x24, "amqp:accepted:list";
    REJECTED = 0x25, "amqp:rejected:list";
    RELEASED = 0x26, "amqp:released:list";
    MODIFIED = 0x27, "amqp:modified:list";
    SOURCE = 0x28, "amqp:source:list";
    TARGET = 0x29, "amqp:target:list";
    SASL_MECHANISMS = 0x40, "amqp:sasl-mechanisms:list";
    SASL_INIT = 0x41, "amqp:sasl-init:list";
    SASL_CHALLENGE = 0x42, "amqp:sasl-challenge:list";
    SASL_RESPONSE = 0x43, "amqp:sasl-response:list";
    SASL_OUTCOME = 0x44, "amqp:sasl-outcome:list";
    HEADER = 0x70, "amqp:header:list";
    DELIVERY_ANNOTATIONS = 0x71, "amqp:delivery-annotations:map";
    MESSAGE_ANNOTATIONS = 0x72, "amqp:message-annotations:map";
    PROPERTIES = 0x73, "amqp:properties:list";
    APPLICATION_PROPERTIES = 0x74, "amqp:application-properties:map";
    DATA = 0x75, "amqp:data:binary";
    AMQP_SEQUENCE = 0x76, "amqp:amqp-sequence:list";
    AMQP_VALUE = 0x77, "amqp:amqp-value:*";
    FOOTER = 0x78, "amqp:footer:map";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbolic_names_of_the_standard_have_their_code() {
        let name = Descriptor::from(Symbol::from_static("amqp:transfer:list"));

        assert_eq!(name.code(), Some(TRANSFER));
    }

    #[test]
    fn foreign_names_have_no_code() {
        let name = Descriptor::from(Symbol::from_static("apache.org:selector-filter:string"));

        assert_eq!(name.code(), None);
    }
}
