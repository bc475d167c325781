//! What a platform's own services ask the billing service, beside what a gate asks.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use serde_json::Value;

/// Longer than the service takes for anything.
const DEADLINE: Duration = Duration::from_secs(30);

/// Asks the billing service as somebody.
pub(crate) struct BillingClient {
    base: String,
    client: reqwest::Client,
}

impl BillingClient {
    pub(crate) fn new(address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            base: format!("http://{address}"),
            client: reqwest::Client::builder()
                .no_proxy()
                .timeout(DEADLINE)
                .build()?,
        })
    }

    /// Asks or changes something, and gives the `data` of the answer. Anything but success is an error,
    /// with what the service says of it.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<Value, Box<dyn Error>> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            return Err(format!("{path} was answered {status}: {text}").into());
        }
        let mut envelope: Value = serde_json::from_str(&text)?;
        Ok(envelope
            .get_mut("data")
            .map(Value::take)
            .unwrap_or_default())
    }
}
