//! How templates write texts where the default would make pages heavy.

use std::fmt::Display;

use askama::filters::Safe;

use crate::failure::as_sentence;
pub use crate::figures::{count, size};

/// A text between tags, as `{{ value|text }}`: nothing in it begins a tag or an
/// entity, and quotes stay one byte each, of which JSON has many. Within a tag,
/// as an attribute's value, it would not do: there the default escapes quotes.
#[askama::filter_fn]
pub fn text(value: impl Display, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    Ok(Safe(escaped(&value.to_string())))
}

fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '<' => written.push_str("&lt;"),
            '&' => written.push_str("&amp;"),
            other => written.push(other),
        }
    }
    written
}

/// A sentence in which commands stand between backticks, as in a text, with
/// each as code.
#[askama::filter_fn]
pub fn spoken(value: impl Display, _: &dyn askama::Values) -> askama::Result<Safe<String>> {
    let value = value.to_string();
    let mut parts: Vec<String> = value.split('`').map(escaped).collect();
    // One backtick alone is a backtick.
    if parts.len().is_multiple_of(2) {
        let last = parts.pop().unwrap_or_default();
        let before = parts.pop().unwrap_or_default();
        parts.push(format!("{before}`{last}"));
    }
    let mut written = String::new();
    for (index, part) in parts.iter().enumerate() {
        match index % 2 {
            0 => written.push_str(part),
            _ => written.push_str(&format!("<code>{part}</code>")),
        }
    }
    Ok(Safe(written))
}

/// What the hub says of something, as a sentence.
#[askama::filter_fn]
pub fn sentence(value: impl Display, _: &dyn askama::Values) -> askama::Result<String> {
    Ok(as_sentence(&value.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use askama::Template;

    use crate::filters;
    use crate::pretty::html_size;

    #[derive(Template)]
    #[template(source = "{{ value|text }}", ext = "html")]
    struct Text<'a> {
        value: &'a str,
    }

    #[test]
    fn nothing_in_a_text_begins_a_tag_or_an_entity() {
        let value = r#"</pre><script>"&lt;'"#;

        let written = Text { value }.render().unwrap();

        assert_eq!(written, r#"&lt;/pre>&lt;script>"&amp;lt;'"#);
        assert_eq!(written.len(), html_size(value));
    }

    #[derive(Template)]
    #[template(source = "{{ value|spoken }}", ext = "html")]
    struct Spoken<'a> {
        value: &'a str,
    }

    #[test]
    fn commands_of_a_sentence_are_code_and_nothing_else_is_a_tag() {
        let spoken = |value| Spoken { value }.render().unwrap();

        assert_eq!(
            spoken("Use `a <b>`, or `c`."),
            "Use <code>a &lt;b></code>, or <code>c</code>."
        );
        assert_eq!(spoken("a ` b <i>"), "a ` b &lt;i>");
    }

    fn templates(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .flat_map(|path| match path.is_dir() {
                true => templates(&path),
                false => vec![path],
            })
            .collect()
    }

    /// The template with a mark for each text that is written so, and without
    /// all else that is the template's own.
    fn marked(template: &str) -> String {
        let mut marked = String::new();
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            let (before, own) = rest.split_at(start);
            marked.push_str(before);
            let end = match own.as_bytes().get(1) {
                Some(b'{') => "}}",
                Some(b'%') => "%}",
                Some(b'#') => "#}",
                _ => "{",
            };
            let length = own.find(end).unwrap() + end.len();
            if ["|text }}", "|spoken }}"]
                .iter()
                .any(|filter| own[..length].contains(filter))
            {
                marked.push('\u{1}');
            }
            rest = &own[length..];
        }
        marked + rest
    }

    #[test]
    fn quotes_stay_between_tags_only() {
        let mut found = 0;
        for path in templates(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/templates"))) {
            let template = marked(&fs::read_to_string(&path).unwrap());
            for (at, _) in template.match_indices('\u{1}') {
                let before = &template[..at];

                let is_between = before.rfind('>') > before.rfind('<');

                assert!(is_between || !before.contains('<'), "{}", path.display());
                found += 1;
            }
        }
        assert!(found > 5, "{found}");
    }
}
