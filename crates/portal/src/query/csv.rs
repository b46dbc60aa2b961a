//! Rows as CSV (RFC 4180), for spreadsheets that take texts for formulas.

use serde_json::value::RawValue;

use super::answer::{Columns, Row, plain};

/// Writes the headings.
pub fn head(columns: &Columns) -> String {
    line(columns.names().iter().map(|name| field(&defended(name))))
}

/// Writes a row; what is undefined is empty.
pub fn row(columns: &Columns, row: &Row) -> String {
    let values = columns.values(row);
    line(
        values
            .iter()
            .map(|value| value.as_deref().map_or_else(String::new, cell)),
    )
}

fn line(fields: impl Iterator<Item = String>) -> String {
    fields.collect::<Vec<_>>().join(",") + "\r\n"
}

/// Numbers are what they are; a text may be a formula.
fn cell(value: &RawValue) -> String {
    let is_number = value
        .get()
        .starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let text = plain(value);
    field(&if is_number { text } else { defended(&text) })
}

/// A text that a spreadsheet would calculate gets an apostrophe before it.
fn defended(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn field(text: &str) -> String {
    let is_plain = !text.contains(['"', ',', ';', '\r', '\n']) && text.trim() == text;
    match is_plain {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(json: &str) -> String {
        let parsed: Row = serde_json::from_str(json).unwrap();
        let columns = Columns::Own(vec!["a".to_owned(), "=b".to_owned()]);
        row(&columns, &parsed)
    }

    #[test]
    fn fields_with_commas_quotes_and_lines_are_quoted() {
        assert_eq!(written(r#"{"a":"x","=b":7}"#), "x,7\r\n");
        assert_eq!(
            written(r#"{"a":"a,b","=b":"say \"hi\"\n"}"#),
            "\"a,b\",\"say \"\"hi\"\"\n\"\r\n"
        );
        assert_eq!(
            written(r#"{"a":{"x":1},"=b":["y"]}"#),
            "{\"\"x\"\":1},[\"\"y\"\"]\r\n"
                .replace("{\"\"x\"\":1}", "\"{\"\"x\"\":1}\"")
                .replace("[\"\"y\"\"]", "\"[\"\"y\"\"]\"")
        );
        assert_eq!(written(r#"{"=b":null}"#), ",null\r\n");
    }

    #[test]
    fn texts_are_no_formulas_and_numbers_stay_numbers() {
        assert_eq!(
            written(r#"{"a":"=1+1","=b":"@SUM(A1)"}"#),
            "'=1+1,'@SUM(A1)\r\n"
        );
        assert_eq!(written(r#"{"a":"-x","=b":-5}"#), "'-x,-5\r\n");
        assert_eq!(written(r#"{"a":"+1","=b":"\t=1"}"#), "'+1,'\t=1\r\n");
        assert_eq!(written(r#"{"a":"\n=1"}"#), "\"'\n=1\",\r\n");
        assert_eq!(head(&Columns::Own(vec!["=b".to_owned()])), "'=b\r\n");
    }
}
