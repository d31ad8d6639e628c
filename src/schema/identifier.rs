//! Names of tables, indexes and fields in validators: identifiers, with the limits Convex puts on them.

use crate::value::show::QuotedChar;
use std::result::Result;

/// The longest identifier, in bytes.
pub(crate) const MAX_IDENTIFIER_BYTES: usize = 64;

/// Says what is wrong with `name` as an identifier.
pub(crate) fn check_identifier(name: &str) -> Result<(), String> {
    let Some(first) = name.chars().next() else {
        return Err("Identifier cannot be empty".into());
    };
    if !first.is_ascii_alphabetic() && first != '_' {
        return Err(format!(
            "Invalid first character {} in {name}: Identifiers must start with an alphabetic character or underscore",
            QuotedChar(first)
        ));
    }
    if let Some(bad) = name.chars().find(|&c| !c.is_ascii_alphanumeric() && c != '_') {
        return Err(format!(
            "Identifier {name} has invalid character {}: Identifiers can only contain alphanumeric characters or underscores",
            QuotedChar(bad)
        ));
    }
    if name.len() > MAX_IDENTIFIER_BYTES {
        return Err(format!("Identifier is too long ({} > maximum {MAX_IDENTIFIER_BYTES})", name.len()));
    }
    if name.bytes().all(|byte| byte == b'_') {
        return Err(format!("Identifier {name} cannot have exclusively underscores"));
    }
    Ok(())
}

/// The rule that `name`, which is no identifier, breaks: Convex's text for most, which leaves out the length.
pub(crate) fn identifier_rule(name: &str) -> String {
    if name.len() > MAX_IDENTIFIER_BYTES {
        return format!("It is too long ({} > maximum {MAX_IDENTIFIER_BYTES}).", name.len());
    }
    "Identifiers must start with a letter and can only contain letters, digits, and underscores.".into()
}

/// Whether `name` belongs to the system: only it may begin with an underscore.
pub(crate) fn is_system(name: &str) -> bool {
    name.starts_with('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_a_first_letter_a_length_and_a_point() {
        let long = "a".repeat(65);
        let too_long = "Identifier is too long (65 > maximum 64)";
        for (name, expected) in [
            ("tasks", None),
            ("_storage", None),
            ("A1_", None),
            ("", Some("Identifier cannot be empty")),
            (
                "1a",
                Some(
                    "Invalid first character '1' in 1a: Identifiers must start with an alphabetic character or underscore",
                ),
            ),
            (
                "a-b",
                Some(
                    "Identifier a-b has invalid character '-': Identifiers can only contain alphanumeric characters or underscores",
                ),
            ),
            (
                "né",
                Some(
                    "Identifier né has invalid character 'é': Identifiers can only contain alphanumeric characters or underscores",
                ),
            ),
            (long.as_str(), Some(too_long)),
            ("___", Some("Identifier ___ cannot have exclusively underscores")),
        ] {
            assert_eq!(check_identifier(name).err().as_deref(), expected, "{name}");
        }
    }
}
