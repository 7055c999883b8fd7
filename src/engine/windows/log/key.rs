//! The name of a credential's state.

use std::cmp::Ordering;

use crate::event::Workflow;

/// What names a window's state: the workflow and the credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'k> {
    /// The kind of process.
    pub workflow: Workflow,
    /// The credential's non-secret name.
    pub credential_id: &'k str,
}

/// Orders as exposure ids do: by the workflow's word, then by the credential's
/// bytes with the `/` that follows them there.
impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let name = |key: &Self| key.credential_id.bytes().chain([b'/']);
        self.workflow.as_str().cmp(other.workflow.as_str()).then_with(|| {
            let (a, b) = (self.credential_id.as_bytes(), other.credential_id.as_bytes());
            let shared = a.len().min(b.len());
            a[..shared]
                .cmp(&b[..shared])
                .then_with(|| name(self).skip(shared).cmp(name(other).skip(shared)))
        })
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
