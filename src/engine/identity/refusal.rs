//! Why a link is not made.

/// Why a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The credential would have more than [`ALIASES_MAX`](crate::config::ALIASES_MAX) names.
    Names,
    /// The name would cover more than [`COVERED_MAX`](crate::config::COVERED_MAX) others.
    Covered,
    /// The names that it covers would have more than 128 KiB together.
    CoveredBytes,
    /// A name would cover one of its own credential.
    Circle,
    /// An event came to names that cover each other in a circle, or in a row of more than eight:
    /// it belongs to none of them.
    Round,
    /// As many names are linked as may be.
    Full,
    /// Windows of the name are final already: they stay under it. Everything else is joined.
    Late,
}

impl Refusal {
    /// Why, in words.
    pub const fn text(self) -> &'static str {
        match self {
            Refusal::Names => "the credential would have more than 64 names; the names stay apart",
            Refusal::Covered => "the name would cover more than 1,000 others; the names stay apart",
            Refusal::CoveredBytes => {
                "the names that the name would cover have more than 131,072 bytes together; the \
                 names stay apart"
            }
            Refusal::Circle => "a name would cover itself or another name of the same credential",
            Refusal::Round => {
                "names cover each other in a circle, or more than eight in a row, and the event \
                 belongs to none of them"
            }
            Refusal::Full => "as many names are linked as may be; the names stay apart",
            Refusal::Late => {
                "windows of the name are final and stay under it; what comes is joined"
            }
        }
    }
}
