//! Writing JSON without a tree of it: bodies that are JSON stay as they were
//! sent, to the last digit.

/// An object that is being written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl Object<'_> {
    /// Writes an object.
    pub(super) fn write(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        members(&mut Object {
            out,
            is_empty: true,
        });
        out.push(b'}');
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        write_text(self.out, value);
    }

    /// Adds what is JSON already.
    pub(super) fn json(&mut self, name: &str, json: &str) {
        self.name(name);
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Adds an object.
    pub(super) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        Object::write(self.out, members);
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        write_text(self.out, name);
        self.out.push(b':');
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a text into memory can be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_escaped_and_json_is_left_alone() {
        let mut out = Vec::new();

        Object::write(&mut out, |object| {
            object.text("a\"b", "line\nend");
            object.object("inner", |inner| inner.json("n", "1.00000000000000000001"));
            object.object("none", |_| {});
        });

        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"a\"b":"line\nend","inner":{"n":1.00000000000000000001},"none":{}}"#
        );
    }
}
