//! Who talks to the store for an account.

/// Whether a task talks to the store for an account. There is one at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lane {
    #[default]
    Free,
    Taken,
}

impl Lane {
    /// Whether a task is to be started. From then on the caller has to see to it.
    pub(super) fn take(&mut self) -> bool {
        let free = self.is_free();
        *self = Self::Taken;
        free
    }

    pub(super) fn free(&mut self) {
        *self = Self::Free;
    }

    pub(super) fn is_free(self) -> bool {
        self == Self::Free
    }
}
