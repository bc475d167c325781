use tiergate_usage::{Settlement, StoreError};
use tokio::runtime::Handle;

use super::TierGate;
use super::observe::Uncounted;
use crate::layer::rule::Settled;

impl TierGate {
    /// What an answer waits for. None if it need not, or if nothing could end the wait.
    pub(crate) fn wait_until_settled(
        &self,
        settling: impl Future<Output = Result<Settlement, StoreError>> + Send + 'static,
    ) -> Option<Settled> {
        let most = self.inner.answer_wait;
        if most.is_zero() || Handle::try_current().is_err() {
            return None;
        }
        let gate = self.clone();
        Some(Box::pin(async move {
            match tokio::time::timeout(most, settling).await {
                Ok(settled) => gate.note_settled(&settled),
                Err(_) => gate.observer().answered_uncounted(Uncounted::Slow),
            }
        }))
    }

    /// Takes note when an answer goes out, or is out, whose units nobody counts. Nobody here could do
    /// better: the work is done.
    pub(super) fn note_settled(&self, settled: &Result<Settlement, StoreError>) {
        let uncounted = match settled {
            Ok(Settlement::Settled | Settlement::AlreadySettled) => return,
            Err(_) => Uncounted::Failed,
            // What a later version of a store says is no promise that it counted.
            Ok(_) => Uncounted::Late,
        };
        self.observer().answered_uncounted(uncounted);
    }
}
