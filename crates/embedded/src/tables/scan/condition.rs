//! Conditions as SQL.
//!
//! A condition in SQL is 1, 0 or NULL exactly where core calls it true, false
//! or undefined; where that is not certain, SQL only leaves out rows that
//! certainly don't fulfil it, and core looks at the others. So it is with
//! numbers that have a fraction: SQLite reads them from text in a way of its
//! own. Not in SQL at all: what is in memory, such as connections; computed
//! values; keys with characters that a JSON path would have to escape.

use rusqlite::types::Value;
use twinhub_core::query::{Comparison, Constant, Expr, Path, Root, Source};

/// Conditions side by side that are still worth a statement of their own.
const MAX_PARTS: usize = 64;

/// A part of a statement, and what is bound to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sql {
    pub text: String,
    pub parameters: Vec<Value>,
}

/// What SQL does of a scan's conditions.
#[derive(Debug)]
pub(super) struct Pushed {
    /// All of these must be true.
    pub sql: Vec<Sql>,
    /// Which conditions core looks at.
    pub rest: Vec<usize>,
    /// Whether the index finds the few rows there can be.
    pub finds_few: bool,
}

impl Pushed {
    pub(super) fn of(source: Source, conditions: &[Expr]) -> Self {
        let compiler = Compiler { source };
        let mut pushed = Pushed {
            sql: Vec::new(),
            rest: Vec::new(),
            finds_few: conditions.iter().any(names_devices),
        };
        for (index, condition) in conditions.iter().enumerate() {
            if pushed.sql.len() == MAX_PARTS {
                pushed.rest.push(index);
                continue;
            }
            let exact = compiler.exact(condition);
            if exact.is_none() {
                pushed.rest.push(index);
            }
            let sql = exact.or_else(|| compiler.narrowing(condition));
            pushed.sql.extend(sql);
        }
        pushed
    }
}

/// Whether a condition lists the devices there can be.
pub(crate) fn names_devices(condition: &Expr) -> bool {
    let value = match condition {
        Expr::Compare(left, Comparison::Equal, right) => match (&**left, &**right) {
            (Expr::Constant(Constant::Text(_)), path) => path,
            (path, Expr::Constant(Constant::Text(_))) => path,
            _ => return false,
        },
        // What else is in a list makes more of SQL than a list.
        Expr::In(value, list) if all_texts(list).is_some() => value,
        _ => return false,
    };
    matches!(value, Expr::Path(path) if path.root == Root::DeviceId && path.keys.is_empty())
}

/// Where SQL finds what a path leads to.
enum Operand {
    /// A column that is always a text.
    Text(&'static str),
    /// A column that is always 0 or 1.
    Bool(&'static str),
    /// A column that is always an integer.
    Integer(&'static str),
    /// A place in a JSON column, which may hold anything or nothing.
    Json(JsonPlace),
}

struct JsonPlace {
    column: &'static str,
    path: String,
}

impl JsonPlace {
    fn type_of(&self) -> String {
        format!("json_type({}, '{}')", self.column, self.path)
    }

    fn value(&self) -> String {
        format!("json_extract({}, '{}')", self.column, self.path)
    }
}

struct Compiler {
    source: Source,
}

impl Compiler {
    /// SQL that is true, false or NULL as the condition is true, false or
    /// undefined.
    fn exact(&self, condition: &Expr) -> Option<Sql> {
        match condition {
            Expr::Constant(Constant::Bool(bool)) => Some(truth(Some(*bool))),
            Expr::Constant(_) => Some(truth(None)),
            Expr::Path(path) => Some(match self.operand(path)? {
                Operand::Bool(column) => sql(column),
                Operand::Text(_) | Operand::Integer(_) => truth(None),
                Operand::Json(place) => sql(format!(
                    "CASE {} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
                    place.type_of()
                )),
            }),
            Expr::Not(inner) => self.exact(inner).map(not),
            Expr::And(parts) => all(" AND ", parts.iter().map(|part| self.exact(part))),
            Expr::Or(parts) => all(" OR ", parts.iter().map(|part| self.exact(part))),
            Expr::Compare(left, comparison, right) => {
                let (path, comparison, constant) = with_path_first(left, *comparison, right)?;
                exact_comparison(&self.operand(path)?, comparison, constant)
            }
            Expr::In(value, list) => self.exact_in(value, list),
            Expr::NotIn(value, list) => self.exact_in(value, list).map(not),
            Expr::IsDefined(path) => Some(match self.operand(path)? {
                Operand::Json(place) => sql(format!("({} IS NOT NULL)", place.type_of())),
                Operand::Text(_) | Operand::Bool(_) | Operand::Integer(_) => truth(Some(true)),
            }),
            Expr::StartsWith(text, start) => match (&**text, &**start) {
                (Expr::Path(path), Expr::Constant(Constant::Text(start))) => {
                    starts_with(&self.operand(path)?, start)
                }
                _ => None,
            },
            Expr::Chain(..) | Expr::Negative(_) | Expr::EndsWith(..) | Expr::ArrayContains(..) => {
                None
            }
        }
    }

    /// SQL that is true wherever the condition is.
    fn narrowing(&self, condition: &Expr) -> Option<Sql> {
        match condition {
            Expr::And(parts) => {
                let parts = parts.iter().filter_map(|part| self.either(part));
                let parts: Vec<_> = parts.take(MAX_PARTS).collect();
                (!parts.is_empty()).then(|| joined(" AND ", parts))
            }
            Expr::Or(parts) => all(" OR ", parts.iter().map(|part| self.either(part))),
            Expr::Compare(left, comparison, right) => {
                let (path, comparison, constant) = with_path_first(left, *comparison, right)?;
                match (self.operand(path)?, constant) {
                    (Operand::Json(place), Constant::Number(number)) => {
                        Some(near_number(&place, comparison, *number))
                    }
                    _ => None,
                }
            }
            Expr::In(value, list) => {
                let Expr::Path(path) = &**value else {
                    return None;
                };
                let operand = self.operand(path)?;
                let equal = |constant: &Constant| match (&operand, constant) {
                    (Operand::Json(place), Constant::Number(number)) => {
                        Some(near_number(place, Comparison::Equal, *number))
                    }
                    _ => exact_comparison(&operand, Comparison::Equal, constant),
                };
                all(" OR ", list.iter().map(equal))
            }
            _ => None,
        }
    }

    fn either(&self, condition: &Expr) -> Option<Sql> {
        self.exact(condition).or_else(|| self.narrowing(condition))
    }

    /// The value is one of the list, if it can be compared.
    fn exact_in(&self, value: &Expr, list: &[Constant]) -> Option<Sql> {
        let Expr::Path(path) = value else {
            return None;
        };
        // What is undefined is in no list; alone it says nothing of the value.
        if list.contains(&Constant::Undefined) {
            return None;
        }
        let operand = self.operand(path)?;
        if let Some(texts) = all_texts(list) {
            return Some(in_texts(&operand, texts));
        }
        let equal = |constant| exact_comparison(&operand, Comparison::Equal, constant);
        all(" OR ", list.iter().map(equal))
    }

    fn operand(&self, path: &Path) -> Option<Operand> {
        let keys: Vec<&str> = path.keys.iter().map(String::as_str).collect();
        let is_device = self.source == Source::Devices;
        Some(match (path.root, keys.as_slice()) {
            (Root::DeviceId, []) => Operand::Text("i.device"),
            (Root::ModuleId, []) if !is_device => Operand::Text("i.module"),
            (Root::ModelId, []) => Operand::Text("t.model_id"),
            (Root::Status, []) if is_device => {
                Operand::Text("(CASE i.enabled WHEN 1 THEN 'enabled' ELSE 'disabled' END)")
            }
            (Root::Capabilities, ["iotEdge"]) if is_device => Operand::Bool("i.edge"),
            (Root::Version, []) => Operand::Integer("t.version"),
            (Root::Desired, ["$version"]) => Operand::Integer("t.desired_version"),
            (Root::Reported, ["$version"]) => Operand::Integer("t.reported_version"),
            (Root::Tags, keys) => Operand::Json(json_place("t.tags", keys)?),
            (Root::Desired, keys) => Operand::Json(json_place("t.desired", keys)?),
            (Root::Reported, keys) => Operand::Json(json_place("t.reported", keys)?),
            _ => return None,
        })
    }
}

/// Nothing for a whole column, and for keys that a path would have to escape.
fn json_place(column: &'static str, keys: &[&str]) -> Option<JsonPlace> {
    let is_plain = |key: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        !key.is_empty() && key.bytes().all(plain)
    };
    if keys.is_empty() || !keys.iter().all(is_plain) {
        return None;
    }
    let path = keys
        .iter()
        .fold("$".to_owned(), |path, key| path + ".\"" + key + "\"");
    Some(JsonPlace { column, path })
}

/// A comparison of a path with a constant, in this order.
pub(crate) fn with_path_first<'e>(
    left: &'e Expr,
    comparison: Comparison,
    right: &'e Expr,
) -> Option<(&'e Path, Comparison, &'e Constant)> {
    match (left, right) {
        (Expr::Path(path), Expr::Constant(constant)) => Some((path, comparison, constant)),
        (Expr::Constant(constant), Expr::Path(path)) => Some((path, comparison.turned(), constant)),
        _ => None,
    }
}

fn exact_comparison(operand: &Operand, comparison: Comparison, constant: &Constant) -> Option<Sql> {
    match (operand, constant) {
        (_, Constant::Undefined) => Some(truth(None)),
        (Operand::Text(column), Constant::Text(text)) => Some(bound(
            format!("{column} {} ?", symbol(comparison)),
            Value::Text(text.clone()),
        )),
        (Operand::Integer(column), Constant::Number(number)) => Some(bound(
            format!("{column} {} ?", symbol(comparison)),
            Value::Real(*number),
        )),
        (Operand::Bool(column), Constant::Bool(bool)) => Some(match comparison {
            Comparison::Equal => sql(format!("{column} = {}", i32::from(*bool))),
            Comparison::NotEqual => sql(format!("{column} <> {}", i32::from(*bool))),
            _ => truth(None),
        }),
        (Operand::Json(_), Constant::Number(_)) => None,
        (Operand::Json(place), constant) => Some(json_comparison(place, comparison, constant)),
        // Of another type: not equal, and in no order.
        (Operand::Text(_) | Operand::Bool(_) | Operand::Integer(_), _) => {
            Some(truth(of_other_type(comparison)))
        }
    }
}

fn json_comparison(place: &JsonPlace, comparison: Comparison, constant: &Constant) -> Sql {
    let other = of_other_type(comparison);
    let same = |equal: bool| match comparison {
        Comparison::Equal => Some(equal),
        Comparison::NotEqual => Some(!equal),
        _ => None,
    };
    let mut parameters = Vec::new();
    let mut cases = String::new();
    for kind in ["text", "integer", "real", "true", "false", "null"] {
        let case = match (kind, constant) {
            ("text", Constant::Text(text)) => {
                parameters.push(Value::Text(text.clone()));
                format!("{} {} ?", place.value(), symbol(comparison))
            }
            ("true", Constant::Bool(bool)) => truth(same(*bool)).text,
            ("false", Constant::Bool(bool)) => truth(same(!*bool)).text,
            ("null", Constant::Null) => truth(same(true)).text,
            _ => truth(other).text,
        };
        cases += &format!(" WHEN '{kind}' THEN {case}");
    }
    Sql {
        text: format!("(CASE {}{cases} END)", place.type_of()),
        parameters,
    }
}

/// The values of a list of texts alone.
fn all_texts(list: &[Constant]) -> Option<Vec<Value>> {
    let text = |constant: &Constant| match constant {
        Constant::Text(text) => Some(Value::Text(text.clone())),
        _ => None,
    };
    list.iter().map(text).collect()
}

/// However many they are, they are looked up at once.
fn in_texts(operand: &Operand, texts: Vec<Value>) -> Sql {
    let places = vec!["?"; texts.len()].join(", ");
    let text = match operand {
        Operand::Text(column) => format!("({column} IN ({places}))"),
        Operand::Bool(_) | Operand::Integer(_) => return truth(Some(false)),
        Operand::Json(place) => format!(
            "(CASE WHEN {kind} = 'text' THEN {value} IN ({places}) \
             WHEN {kind} IN ('integer', 'real', 'true', 'false', 'null') THEN 0 END)",
            kind = place.type_of(),
            value = place.value(),
        ),
    };
    Sql {
        text,
        parameters: texts,
    }
}

/// True of all numbers that fulfil the comparison, and of some that don't.
fn near_number(place: &JsonPlace, comparison: Comparison, number: f64) -> Sql {
    let others = match comparison {
        Comparison::NotEqual => "'text', 'true', 'false', 'null', 'real'",
        _ => "'real'",
    };
    let (kind, value, symbol) = (place.type_of(), place.value(), symbol(comparison));
    bound(
        format!(
            "(CASE {kind} WHEN 'integer' THEN {value} {symbol} ? ELSE {kind} IN ({others}) END)"
        ),
        Value::Real(number),
    )
}

/// From the prefix up to what comes after all that begin with it.
fn starts_with(operand: &Operand, start: &str) -> Option<Sql> {
    let range = |value: &str| {
        let from = bound(format!("{value} >= ?"), Value::Text(start.to_owned()));
        match successor(start) {
            None => from,
            Some(end) => {
                let below = bound(format!("{value} < ?"), Value::Text(end));
                joined(" AND ", vec![from, below])
            }
        }
    };
    Some(match operand {
        Operand::Text(column) => range(column),
        Operand::Bool(_) | Operand::Integer(_) => truth(None),
        Operand::Json(place) => {
            let range = range(&place.value());
            let text = format!(
                "(CASE {} WHEN 'text' THEN {} END)",
                place.type_of(),
                range.text
            );
            Sql { text, ..range }
        }
    })
}

/// The least text that is greater than all that begin with `start`.
pub(crate) fn successor(start: &str) -> Option<String> {
    let mut characters: Vec<char> = start.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

fn of_other_type(comparison: Comparison) -> Option<bool> {
    match comparison {
        Comparison::Equal => Some(false),
        Comparison::NotEqual => Some(true),
        _ => None,
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

fn sql(text: impl Into<String>) -> Sql {
    Sql {
        text: text.into(),
        parameters: Vec::new(),
    }
}

fn bound(text: String, parameter: Value) -> Sql {
    Sql {
        text,
        parameters: vec![parameter],
    }
}

fn truth(truth: Option<bool>) -> Sql {
    sql(match truth {
        Some(true) => "1",
        Some(false) => "0",
        None => "NULL",
    })
}

fn not(inner: Sql) -> Sql {
    Sql {
        text: format!("(NOT {})", inner.text),
        ..inner
    }
}

/// Nothing unless all are there, and not too many.
fn all(operator: &str, parts: impl ExactSizeIterator<Item = Option<Sql>>) -> Option<Sql> {
    if parts.len() > MAX_PARTS {
        return None;
    }
    let parts: Vec<_> = parts.collect::<Option<_>>()?;
    (!parts.is_empty()).then(|| joined(operator, parts))
}

/// In brackets, half by half: SQLite bounds how deep expressions are.
fn joined(operator: &str, parts: Vec<Sql>) -> Sql {
    let texts: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
    Sql {
        text: bracketed(operator, &texts),
        parameters: parts.into_iter().flat_map(|part| part.parameters).collect(),
    }
}

fn bracketed(operator: &str, texts: &[&str]) -> String {
    match texts {
        [] => String::new(),
        [only] => (*only).to_owned(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            let (left, right) = (bracketed(operator, left), bracketed(operator, right));
            format!("({left}{operator}{right})")
        }
    }
}

#[cfg(test)]
mod tests;
