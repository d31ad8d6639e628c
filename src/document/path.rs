//! Where a field is: names with dots between them, as indexes and filters write it.

use std::fmt;

/// A path to a field, such as `address.city`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FieldPath(Vec<String>);

impl FieldPath {
    /// Splits at the dots. Every text is a path; whether it is one that a schema allows is not asked here.
    pub(crate) fn parse(text: &str) -> Self {
        FieldPath(text.split('.').map(str::to_string).collect())
    }

    /// The names along the path; at least one.
    pub(crate) fn segments(&self) -> &[String] {
        &self.0
    }
}

impl From<&str> for FieldPath {
    fn from(text: &str) -> Self {
        FieldPath::parse(text)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
