//! What a session is handed, and what it hands back.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;

use super::MethodName;

/// Which call. Not given twice, nor again after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(u64);

impl CallId {
    /// Its number, for gateways whose protocol has no text for it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The call of that number; whether there is one, its answer will show.
    pub fn from_number(number: u64) -> Self {
        CallId(number)
    }
}

/// Lower-case hexadecimal digits, without leading zeros.
impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// The text is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text does not name a method call")]
pub struct InvalidCallId;

impl FromStr for CallId {
    type Err = InvalidCallId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let call = u64::from_str_radix(text, 16).map_err(|_| InvalidCallId)?;
        // Echoed as it was given, or it is somebody else's.
        match format!("{call:x}") == text {
            true => Ok(CallId(call)),
            false => Err(InvalidCallId),
        }
    }
}

/// A method call, as a session gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodRequest {
    /// Which call; its answer names it.
    pub call: CallId,
    /// What is called.
    pub name: MethodName,
    /// JSON; `null` if the caller gave nothing.
    pub payload: Bytes,
}

/// A device's or module's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodReply {
    /// What it says became of the call; its own numbers.
    pub status: i64,
    /// JSON; may be empty.
    pub payload: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_told_by_the_text_it_was_given() {
        let call = CallId::from_number(0xf00d);

        assert_eq!(call.to_string(), "f00d");
        assert_eq!("f00d".parse(), Ok(call));
        for foreign in ["F00D", "0f00d", "+f00d", "", "x", "10000000000000000"] {
            assert_eq!(foreign.parse::<CallId>(), Err(InvalidCallId), "{foreign}");
        }
    }
}
