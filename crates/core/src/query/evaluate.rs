//! Whether a row fulfils a condition.

use std::cmp::Ordering;

use serde_json::Value;

use super::expression::{Arithmetic, Comparison, Constant, Expr};
use super::row::Cells;
use super::scalar::Scalar;

/// Whether the condition is true of the row.
pub(super) fn holds(condition: &Expr, row: &impl Cells) -> bool {
    truth_of(condition, row) == Some(true)
}

/// Whether the condition is true or false of the row; nothing if it is
/// undefined.
pub(super) fn truth_of(condition: &Expr, row: &impl Cells) -> Option<bool> {
    evaluate(condition, row).truth()
}

fn evaluate<'v>(expr: &'v Expr, row: &'v impl Cells) -> Scalar<'v> {
    match expr {
        Expr::Constant(constant) => Scalar::of_constant(constant),
        Expr::Path(path) => row.scalar(path),
        Expr::Not(inner) => Scalar::of_truth(evaluate(inner, row).truth().map(|truth| !truth)),
        // False outweighs undefined in AND, true does in OR.
        Expr::And(parts) => Scalar::of_truth(fold(parts, row, false)),
        Expr::Or(parts) => Scalar::of_truth(fold(parts, row, true)),
        Expr::Compare(left, comparison, right) => {
            let (left, right) = (evaluate(left, row), evaluate(right, row));
            Scalar::of_truth(compare(&left, *comparison, &right))
        }
        Expr::In(value, list) => Scalar::of_truth(is_in(&evaluate(value, row), list)),
        Expr::NotIn(value, list) => {
            Scalar::of_truth(is_in(&evaluate(value, row), list).map(|truth| !truth))
        }
        Expr::Chain(first, rest) => chain(first, rest, row),
        Expr::Negative(inner) => match evaluate(inner, row) {
            Scalar::Number(number) => Scalar::Number(-number),
            _ => Scalar::Undefined,
        },
        Expr::IsDefined(path) => Scalar::Bool(row.scalar(path) != Scalar::Undefined),
        Expr::StartsWith(text, start) => {
            of_texts(text, start, row, |text, start| text.starts_with(start))
        }
        Expr::EndsWith(text, end) => of_texts(text, end, row, |text, end| text.ends_with(end)),
        Expr::ArrayContains(path, value) => {
            let value = evaluate(value, row);
            let array = row.array(path);
            Scalar::of_truth(match array.as_deref() {
                Some(Value::Array(elements)) => contains(elements, &value),
                _ => None,
            })
        }
    }
}

/// The first part that is `decisive` decides; else an undefined one does.
fn fold(parts: &[Expr], row: &impl Cells, decisive: bool) -> Option<bool> {
    let mut folded = Some(!decisive);
    for part in parts {
        match evaluate(part, row).truth() {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => folded = None,
        }
    }
    folded
}

fn compare(left: &Scalar<'_>, comparison: Comparison, right: &Scalar<'_>) -> Option<bool> {
    let ordered = |is: fn(Ordering) -> bool| left.order(right).map(is);
    match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::NotEqual => left.equals(right).map(|equal| !equal),
        Comparison::Less => ordered(Ordering::is_lt),
        Comparison::LessOrEqual => ordered(Ordering::is_le),
        Comparison::Greater => ordered(Ordering::is_gt),
        Comparison::GreaterOrEqual => ordered(Ordering::is_ge),
    }
}

/// What can't be compared is neither in nor out.
fn is_in(value: &Scalar<'_>, list: &[Constant]) -> Option<bool> {
    if matches!(value, Scalar::Undefined | Scalar::Structure) {
        return None;
    }
    Some(
        list.iter()
            .any(|constant| value.equals(&Scalar::of_constant(constant)) == Some(true)),
    )
}

fn chain<'v>(first: &'v Expr, rest: &'v [(Arithmetic, Expr)], row: &'v impl Cells) -> Scalar<'v> {
    let mut result = evaluate(first, row).number();
    for (operator, operand) in rest {
        let operand = evaluate(operand, row).number();
        result = result.zip(operand).map(|(left, right)| match operator {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
        });
    }
    result.map_or(Scalar::Undefined, Scalar::of_number)
}

fn of_texts<'v>(
    left: &'v Expr,
    right: &'v Expr,
    row: &'v impl Cells,
    test: fn(&str, &str) -> bool,
) -> Scalar<'v> {
    match (evaluate(left, row), evaluate(right, row)) {
        (Scalar::Text(left), Scalar::Text(right)) => Scalar::Bool(test(&left, &right)),
        _ => Scalar::Undefined,
    }
}

fn contains(elements: &[Value], value: &Scalar<'_>) -> Option<bool> {
    if matches!(value, Scalar::Undefined | Scalar::Structure) {
        return None;
    }
    Some(
        elements
            .iter()
            .any(|element| Scalar::of_json(element).equals(value) == Some(true)),
    )
}
