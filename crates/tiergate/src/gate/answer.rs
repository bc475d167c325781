use tokio::runtime::Handle;

use super::TierGate;
use crate::layer::rule::Settled;

impl TierGate {
    /// What an answer waits for. None if it need not, or if nothing could end the wait.
    pub(crate) fn wait_until_settled(
        &self,
        settling: impl Future + Send + 'static,
    ) -> Option<Settled> {
        let most = self.inner.answer_wait;
        if most.is_zero() || Handle::try_current().is_err() {
            return None;
        }
        let gate = self.clone();
        Some(Box::pin(async move {
            // What became of it is told where it is settled; nobody here could do better.
            if tokio::time::timeout(most, settling).await.is_err() {
                gate.observer().answered_uncounted();
            }
        }))
    }
}
