//! The text of a programme, wherever it came from.

/// One file of a programme: its name as problems shall give it, and what it holds.
///
/// In a folder the name is relative to it: a name that begins with `campaigns/` adds to `campaigns`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceFile {
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
}
