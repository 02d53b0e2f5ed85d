use proptest::prelude::*;

use super::*;

/// The value of `A`.
fn value(text: &str) -> String {
    let found = parse(text).unwrap();
    let [(name, value)] = found.as_slice() else {
        panic!("{text:?} gave {found:?}");
    };
    assert_eq!(name, "A");
    value.clone()
}

#[test]
fn values_are_read_as_systemd_reads_them() {
    for (text, expected) in [
        ("A=b", "b"),
        ("A=", ""),
        ("  A \t=  b c \t\n", "b c"),
        ("A=b\r\n", "b"),
        ("# A=x\n; A=y\nA=b\n", "b"),
        ("# goes on \\\nA=b\n", "b"),
        ("A=b # no comment", "b # no comment"),
        ("A=\"b  \" ", "b  "),
        ("A='b \\ \"c\" $d'", "b \\ \"c\" $d"),
        ("A=\"b \\\" \\\\ \\` \\$ \\n 'c'\"", "b \" \\ ` $ \\n 'c'"),
        ("A=\"b\nc\"", "b\nc"),
        ("A='b\nc'", "b\nc"),
        ("A=\"b\\\nc\"", "bc"),
        ("A=b\\\nc", "bc"),
        ("A=b \\\n  c", "b   c"),
        ("A=b\\ \n", "b "),
        ("A=\\\"b", "\"b"),
        ("A=b\\\\n", "b\\n"),
        ("A=it's \"b\"", "it's \"b\""),
        ("A=\"b\" 'c'  d ", "bcd"),
        ("A=b=c", "b=c"),
        ("A=1\nA=2", "2"),
        ("A=b \\", "b "),
    ] {
        assert_eq!(value(text), expected, "{text:?}");
    }
}

#[test]
fn nothing_is_an_empty_list() {
    for text in ["", "\n\n", "# comment", " \t\n;x\\"] {
        assert_eq!(parse(text), Ok(vec![]), "{text:?}");
    }
}

#[test]
fn errors_name_the_line_and_no_value() {
    let mut messages = String::new();
    for text in [
        "A=b\nexport TOKEN=secret\n",
        "A=\"b\nc\"\nTOKEN\n",
        "\n\nA='secret\nB=c\n",
        "A=b\n1A=secret",
        "A=b\n=secret=x",
        "A=b\nA=\0",
    ] {
        messages.push_str(&parse(text).unwrap_err().to_string());
        messages.push('\n');
    }
    expect_test::expect![[r#"
        line 2: invalid variable name before `=`; write NAME=value, without `export`
        line 3: has no `=`; write NAME=value, or `#` before a comment
        line 3: unclosed quote; close it, or put a backslash before it
        line 2: invalid variable name before `=`; write NAME=value, without `export`
        line 2: invalid variable name before `=`; write NAME=value, without `export`
        line 2: has a NUL byte; write it as text
    "#]]
    .assert_eq(&messages);
}

fn quote(value: &str) -> String {
    let mut quoted = String::from('"');
    for c in value.chars() {
        if ESCAPED_IN_QUOTES.contains(&c) {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted + "\""
}

proptest! {
    #[test]
    fn quoted_values_are_read_back(
        values in prop::collection::vec("([^\0]|[ \\\\\"'`$#;=\r\n]){0,30}", 0..6),
    ) {
        let expected: Vec<_> = values.iter().enumerate()
            .map(|(i, value)| (format!("V{i}"), value.clone()))
            .collect();
        let text: String = expected.iter()
            .map(|(name, value)| format!("{name}={}", quote(value)))
            .collect::<Vec<_>>().join("\n");
        prop_assert_eq!(parse(&text), Ok(expected));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(found) = parse(&text) {
            prop_assert!(found.iter().all(|(name, _)| is_variable_name(name)));
        }
    }
}
