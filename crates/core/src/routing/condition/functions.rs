//! The functions of the language, and what they take.
//!
//! <https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-routing-query-syntax>

use super::typing::Type;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Abs,
    Exp,
    Square,
    Ceiling,
    Floor,
    Sign,
    Sqrt,
    Power,
    AsNumber,
    IsDefined,
    IsNull,
    IsBool,
    IsNumber,
    IsString,
    IsArray,
    IsObject,
    IsPrimitive,
    Concat,
    Length,
    Lower,
    Upper,
    Substring,
    IndexOf,
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug)]
pub(super) struct Signature {
    pub name: &'static str,
    pub function: Function,
    pub result: Type,
    parameters: &'static [Type],
    /// How many of the parameters may be left out, or that the last repeats.
    more: More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    Exactly,
    LastIsOptional,
    LastRepeats,
}

impl Signature {
    /// The fewest and the most arguments.
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = self.parameters.len();
        match self.more {
            More::Exactly => (count, count),
            More::LastIsOptional => (count - 1, count),
            More::LastRepeats => (count, usize::MAX),
        }
    }

    /// The type of an argument, counted from 0.
    pub(super) fn parameter(&self, number: usize) -> Type {
        let parameter = self.parameters.get(number).or(self.parameters.last());
        parameter.copied().unwrap_or(Type::Any)
    }
}

/// The function of that name, in any case, or what is wrong with the name.
pub(super) fn find(name: &str) -> Result<&'static Signature, String> {
    let mut all = SIGNATURES.iter();
    if let Some(found) = all.find(|signature| signature.name.eq_ignore_ascii_case(name)) {
        return Ok(found);
    }
    let shown: String = name.chars().take(64).collect();
    let joined =
        |signature: &&Signature| signature.name.replace('_', "").eq_ignore_ascii_case(name);
    Err(match SIGNATURES.iter().find(joined) {
        Some(meant) => format!("there is no function {shown}: it is {}", meant.name),
        None => format!("there is no function {shown}"),
    })
}

const fn takes(
    name: &'static str,
    function: Function,
    parameters: &'static [Type],
    result: Type,
) -> Signature {
    Signature {
        name,
        function,
        result,
        parameters,
        more: More::Exactly,
    }
}

use Type::{Any, Bool, Number, Text};

const SIGNATURES: &[Signature] = &[
    takes("ABS", Function::Abs, &[Number], Number),
    takes("EXP", Function::Exp, &[Number], Number),
    takes("SQUARE", Function::Square, &[Number], Number),
    takes("CEILING", Function::Ceiling, &[Number], Number),
    takes("FLOOR", Function::Floor, &[Number], Number),
    takes("SIGN", Function::Sign, &[Number], Number),
    takes("SQRT", Function::Sqrt, &[Number], Number),
    takes("POWER", Function::Power, &[Number, Number], Number),
    takes("AS_NUMBER", Function::AsNumber, &[Text], Number),
    takes("IS_DEFINED", Function::IsDefined, &[Any], Bool),
    takes("IS_NULL", Function::IsNull, &[Any], Bool),
    takes("IS_BOOL", Function::IsBool, &[Any], Bool),
    takes("IS_NUMBER", Function::IsNumber, &[Any], Bool),
    takes("IS_STRING", Function::IsString, &[Any], Bool),
    takes("IS_ARRAY", Function::IsArray, &[Any], Bool),
    takes("IS_OBJECT", Function::IsObject, &[Any], Bool),
    takes("IS_PRIMITIVE", Function::IsPrimitive, &[Any], Bool),
    Signature {
        more: More::LastRepeats,
        ..takes("CONCAT", Function::Concat, &[Text, Text], Text)
    },
    takes("LENGTH", Function::Length, &[Text], Number),
    takes("LOWER", Function::Lower, &[Text], Text),
    takes("UPPER", Function::Upper, &[Text], Text),
    Signature {
        more: More::LastIsOptional,
        ..takes(
            "SUBSTRING",
            Function::Substring,
            &[Text, Number, Number],
            Text,
        )
    },
    takes("INDEX_OF", Function::IndexOf, &[Text, Text], Number),
    takes("STARTS_WITH", Function::StartsWith, &[Text, Text], Bool),
    takes("ENDS_WITH", Function::EndsWith, &[Text, Text], Bool),
    takes("CONTAINS", Function::Contains, &[Text, Text], Bool),
];
