//! Expressions to values.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::functions::Function;
use super::lexer;
use super::reference::{Otherwise, Reference};
use super::syntax::{Expr, Operator};
use super::value::Value;
use crate::routing::subject::{Body, Subject};

/// The body, if any part of it is named, can be read.
pub(super) fn evaluate<'a>(expr: &'a Expr, subject: &'a dyn Subject) -> Value<'a> {
    match expr {
        Expr::Constant(constant) => Value::constant(constant),
        Expr::Reference(reference) => look_up(reference, subject),
        Expr::Negate(operand) => {
            let number = evaluate(operand, subject).as_number();
            number.map_or(Value::Undefined, |number| Value::Number(-number))
        }
        Expr::Not(operand) => {
            let truth = evaluate(operand, subject).truth();
            Value::from_truth(truth.map(|truth| !truth))
        }
        Expr::All(operands) => Value::from_truth(first(operands, subject, false)),
        Expr::Any(operands) => Value::from_truth(first(operands, subject, true)),
        Expr::Binary(operator, operands) => {
            let (left, right) = &**operands;
            let left = evaluate(left, subject);
            if *operator == Operator::Coalesce && !left.is_undefined() && !left.is_null() {
                return left;
            }
            binary(*operator, left, evaluate(right, subject))
        }
        Expr::Call(function, arguments) => call(*function, arguments, subject),
    }
}

/// AND stops at the first false, OR at the first true; else they come to the
/// opposite, or to nothing if one of them does.
fn first(operands: &[Expr], subject: &dyn Subject, stop_at: bool) -> Option<bool> {
    let mut answer = Some(!stop_at);
    for operand in operands {
        match evaluate(operand, subject).truth() {
            Some(truth) if truth == stop_at => return Some(stop_at),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

fn look_up<'a>(reference: &'a Reference, subject: &'a dyn Subject) -> Value<'a> {
    let application = reference.application.as_deref();
    if let Some(property) = application.and_then(|name| subject.application(name)) {
        return Value::property(property);
    }
    match &reference.otherwise {
        Otherwise::Nothing | Otherwise::Body(None) => Value::Undefined,
        Otherwise::System(name) => subject.system(name).map_or(Value::Undefined, Value::Text),
        Otherwise::Body(Some(part)) => match (subject.body(), part.slot) {
            (Ok(Body::Document(Json::Object(body))), _) => Value::in_body(part.path.follow(body)),
            (Ok(Body::Parts(parts)), Some(slot)) => parts.get(slot),
            _ => Value::Undefined,
        },
        Otherwise::Twin(section, path) => match subject.twin(*section) {
            Some(section) => Value::in_twin(path.follow(section)),
            None => Value::Undefined,
        },
    }
}

fn binary<'a>(operator: Operator, left: Value<'a>, right: Value<'a>) -> Value<'a> {
    let order = |accept: fn(Ordering) -> bool| Value::from_truth(left.order(&right).map(accept));
    match operator {
        Operator::Coalesce => right,
        Operator::Equal => Value::from_truth(left.equals(&right)),
        Operator::NotEqual => Value::from_truth(left.equals(&right).map(|equal| !equal)),
        Operator::Less => order(Ordering::is_lt),
        Operator::LessOrEqual => order(Ordering::is_le),
        Operator::Greater => order(Ordering::is_gt),
        Operator::GreaterOrEqual => order(Ordering::is_ge),
        Operator::Add => numbers(&left, &right, |one, other| one + other),
        Operator::Subtract => numbers(&left, &right, |one, other| one - other),
        Operator::Multiply => numbers(&left, &right, |one, other| one * other),
        Operator::Divide => numbers(&left, &right, |one, other| one / other),
        Operator::Remainder => numbers(&left, &right, |one, other| one % other),
        Operator::Concat => joined(&[left, right]),
    }
}

fn numbers<'a>(left: &Value<'_>, right: &Value<'_>, combine: fn(f64, f64) -> f64) -> Value<'a> {
    match (left.as_number(), right.as_number()) {
        (Some(left), Some(right)) => Value::number(combine(left, right)),
        _ => Value::Undefined,
    }
}

/// Null is empty.
fn joined<'a>(parts: &[Value<'_>]) -> Value<'a> {
    let mut whole = String::new();
    for part in parts {
        match part {
            Value::Text(text) => whole.push_str(text),
            part if part.is_null() => {}
            _ => return Value::Undefined,
        }
    }
    Value::text(whole)
}

fn call<'a>(function: Function, arguments: &'a [Expr], subject: &'a dyn Subject) -> Value<'a> {
    let mut values = arguments.iter().map(|argument| evaluate(argument, subject));
    if function == Function::Concat {
        return joined(&values.collect::<Vec<_>>());
    }
    let one = values.next().unwrap_or(Value::Undefined);
    if let Some(kind) = kind(function, &one) {
        return Value::Bool(kind);
    }
    let others = [
        values.next().unwrap_or(Value::Undefined),
        values.next().unwrap_or(Value::Undefined),
    ];
    let value = match one {
        Value::Number(number) => of_number(function, number, &others[0]),
        Value::Text(text) if function == Function::Substring => {
            substring(&text, &others, arguments.len()).map(|part| Value::text(part.to_owned()))
        }
        Value::Text(text) => of_text(function, text, &others[0]),
        _ => None,
    };
    value.unwrap_or(Value::Undefined)
}

/// What the functions say that tell what a value is.
fn kind(function: Function, value: &Value<'_>) -> Option<bool> {
    Some(match function {
        Function::IsDefined => !value.is_undefined() && *value != Value::Absent,
        Function::IsNull => value.is_null(),
        Function::IsBool => matches!(value, Value::Bool(_)),
        Function::IsNumber => value.as_number().is_some_and(f64::is_finite),
        Function::IsString => matches!(value, Value::Text(_)),
        Function::IsArray => *value == Value::Array,
        Function::IsObject => *value == Value::Object,
        Function::IsPrimitive => !value.is_undefined() && *value != Value::Absent,
        _ => return None,
    })
}

fn of_number<'a>(function: Function, number: f64, other: &Value<'_>) -> Option<Value<'a>> {
    Some(Value::number(match function {
        Function::Abs => number.abs(),
        Function::Exp => number.exp(),
        Function::Square => number * number,
        Function::Ceiling => number.ceil(),
        Function::Floor => number.floor(),
        Function::Sign if number == 0.0 => 0.0,
        Function::Sign => number.signum(),
        Function::Sqrt => number.sqrt(),
        Function::Power => number.powf(other.as_number()?),
        _ => return None,
    }))
}

fn of_text<'a>(function: Function, text: Cow<'a, str>, other: &Value<'_>) -> Option<Value<'a>> {
    Some(match function {
        Function::AsNumber => Value::number(lexer::number(text.trim())?),
        Function::Length => counted(&text),
        Function::Lower => Value::text(text.to_lowercase()),
        Function::Upper => Value::text(text.to_uppercase()),
        Function::IndexOf => match text.find(other.as_text()?) {
            Some(at) => counted(&text[..at]),
            None => Value::Number(-1.0),
        },
        Function::StartsWith => Value::Bool(text.starts_with(other.as_text()?)),
        Function::EndsWith => Value::Bool(text.ends_with(other.as_text()?)),
        Function::Contains => Value::Bool(text.contains(other.as_text()?)),
        _ => return None,
    })
}

/// Texts are counted in UTF-16 units, as the hub's clients do.
fn counted<'a>(text: &str) -> Value<'a> {
    #[expect(clippy::cast_precision_loss, reason = "texts are short")]
    let count = text.encode_utf16().count() as f64;
    Value::Number(count)
}

/// `count` arguments were given: the text, the start, perhaps a length.
fn substring<'t>(text: &'t str, others: &[Value<'_>; 2], count: usize) -> Option<&'t str> {
    let [start, length] = others;
    let (_, tail) = text.split_at_checked(byte_of(text, start)?)?;
    match count {
        3 => tail.get(..byte_of(tail, length)?),
        _ => Some(tail),
    }
}

/// Where so many UTF-16 units end; `None` if there are fewer, or if that is
/// within a character.
fn byte_of(text: &str, units: &Value<'_>) -> Option<usize> {
    let wanted = units.as_number()?;
    let ends = text.char_indices().map(|(at, character)| {
        let units = if character.len_utf16() == 2 { 2.0 } else { 1.0 };
        (at + character.len_utf8(), units)
    });
    let mut passed = (0, 0.0);
    for (end, units) in ends {
        if passed.1 >= wanted {
            break;
        }
        passed = (end, passed.1 + units);
    }
    #[expect(
        clippy::float_cmp,
        reason = "both are small whole numbers, or it is none"
    )]
    let is_whole = passed.1 == wanted;
    is_whole.then_some(passed.0)
}
