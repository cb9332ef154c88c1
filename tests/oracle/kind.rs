//! Kind: what a generated expression probably gives, so that most programs do not throw.

/// A kind of value; lists say of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// Text that spells a moment in ISO 8601.
    Moment,
    Number,
    Bool,
    Nullish,
    Numbers,
    Texts,
    /// A list of `{value, time}`.
    Visits,
    /// A list of lists.
    Lists,
    /// A list of anything.
    Mixed,
    /// A list of pairs of a name and a value.
    Pairs,
    /// An object of anything.
    Object,
    /// `{value, time}`.
    Visit,
    Date,
    Set,
    RegExp,
    Iterator,
    /// Anything at all.
    Any,
}

impl Kind {
    /// Whether it is some list.
    pub fn is_list(self) -> bool {
        use Kind::{Lists, Mixed, Numbers, Pairs, Texts, Visits};
        matches!(self, Numbers | Texts | Visits | Lists | Mixed | Pairs)
    }

    /// What the elements of such a list are.
    pub fn element(self) -> Self {
        match self {
            Self::Numbers => Self::Number,
            Self::Texts => Self::Text,
            Self::Visits => Self::Visit,
            Self::Lists => Self::Numbers,
            Self::Pairs => Self::Mixed,
            _ => Self::Any,
        }
    }

    /// A list of such elements.
    pub fn list(self) -> Self {
        match self {
            Self::Number => Self::Numbers,
            Self::Text | Self::Moment => Self::Texts,
            Self::Visit => Self::Visits,
            kind if kind.is_list() => Self::Lists,
            _ => Self::Mixed,
        }
    }
}
