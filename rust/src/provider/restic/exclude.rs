//! Exclude patterns: from the contract's syntax (gitignore's) to restic's.

/// A pattern for `--exclude`. The two differ in how a character class is negated; what
/// restic would read differently otherwise is refused when the plan is checked.
pub fn translate(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        translated.push(character);
        match character {
            '\\' => translated.extend(characters.next()),
            '[' if !in_class => {
                in_class = true;
                if characters.next_if_eq(&'!').is_some() {
                    translated.push('^');
                } else {
                    translated.extend(characters.next_if_eq(&'^'));
                }
                // A bracket in first place is a member of the class.
                if characters.next_if_eq(&']').is_some() {
                    translated.push_str("\\]");
                }
            }
            ']' => in_class = false,
            _ => {}
        }
    }
    translated
}

/// A pattern that matches exactly the entry `name` of the restored directory.
pub fn literal(name: &str) -> String {
    let mut pattern = String::from("/");
    for character in name.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_negation_of_classes_changes() {
        for (contract, restic) in [
            ("*.tmp", "*.tmp"),
            ("/var/lib/x/cache", "/var/lib/x/cache"),
            ("/var/**/tmp?", "/var/**/tmp?"),
            ("[!a]", "[^a]"),
            ("[^a]", "[^a]"),
            ("a[!0-9][!x]b", "a[^0-9][^x]b"),
            ("\\[!a]", "\\[!a]"),
            ("[a!]", "[a!]"),
            ("[[!a]", "[[!a]"),
            ("[]a]", "[\\]a]"),
            ("wow!", "wow!"),
            ("trailing\\", "trailing\\"),
        ] {
            assert_eq!(translate(contract), restic, "{contract}");
        }
    }

    #[test]
    fn a_literal_name_means_itself() {
        assert_eq!(literal("we[i]r*d\\x?"), "/we\\[i\\]r\\*d\\\\x\\?");
        assert_eq!(literal("-dash !"), "/-dash !");
    }
}
