//! What is stored of a customer, but for what may differ: ids, numbers, and when it was written down.

use serde_json::Value;

use crate::account::Account;
use crate::sql::{Line, Sql};

/// The rows of one account.
#[derive(Debug, PartialEq)]
pub(crate) struct Records {
    pub(crate) subscriptions: Vec<Line>,
    pub(crate) invoices: Vec<Line>,
    pub(crate) payments: Vec<Line>,
    pub(crate) customers: Vec<Line>,
    pub(crate) overrides: Vec<Line>,
    pub(crate) notifications: Vec<Line>,
    /// The subscription that counts, when none lives: the newest.
    pub(crate) newest: Vec<Line>,
}

impl Records {
    pub(crate) async fn read(sql: &mut Sql, of: &Account) -> Self {
        let (user, organization, name) = (of.user(), of.organization(), &of.name);
        let owned = format!("(s.user_id = '{user}' OR s.organization_id = '{organization}')");
        let flag = "CASE WHEN s.cancel_at_period_end THEN 'yes' ELSE 'no' END";
        let text = |columns: &str| {
            let casts: Vec<String> = columns
                .split_whitespace()
                .map(|column| format!("CAST({column} AS TEXT)"))
                .collect();
            casts.join(", ")
        };
        let subscriptions = format!(
            "SELECT {}, {flag} FROM subscriptions s WHERE {owned} ORDER BY 1",
            text(
                "s.stripe_subscription_id s.user_id s.organization_id s.tier s.status \
                 s.billing_cycle s.provider s.stripe_customer_id s.period_start s.period_end \
                 s.canceled_at s.trial_start s.trial_end s.seats s.discount s.pending_tier \
                 s.pending_cycle s.pending_seats s.metadata"
            )
        );
        let invoices = format!(
            "SELECT {}, substr(i.number, 1, 11) FROM invoices i \
             JOIN subscriptions s ON s.id = i.subscription_id WHERE {owned} ORDER BY 1",
            text(
                "i.stripe_invoice_id s.stripe_subscription_id i.tier i.status i.subtotal i.tax \
                 i.discount i.total i.refunded i.currency i.period_start i.period_end i.due_at \
                 i.paid_at i.attempted_at i.next_attempt_at i.attempts i.lines i.metadata \
                 i.created_at"
            )
        );
        let payments = format!(
            "SELECT {} FROM payments p LEFT JOIN invoices i ON i.id = p.invoice_id \
             LEFT JOIN subscriptions s ON s.id = p.subscription_id \
             WHERE substr(p.provider_ref, 1, {}) = 'pi_{name}_' ORDER BY 1, 2",
            text(
                "p.provider_ref p.kind i.stripe_invoice_id s.stripe_subscription_id p.amount \
                 p.currency p.detail p.occurred_at"
            ),
            name.len() + 4
        );
        let customers = format!(
            "SELECT {} FROM customers WHERE customer_ref = '{}'",
            text("provider customer_ref user_id organization_id"),
            of.customer()
        );
        let overrides = format!(
            "SELECT {} FROM overrides o JOIN subscriptions s ON s.id = o.subscription_id \
             WHERE {owned} ORDER BY 1, 2",
            text("s.stripe_subscription_id o.feature_key o.value o.reason o.created_by")
        );
        let notifications = format!(
            "SELECT dedupe_key, CAST(payload AS TEXT) FROM outbox WHERE kind = 'notification' \
             AND dedupe_key LIKE '%\\_{name}\\_%' ESCAPE '\\' ORDER BY 1"
        );
        let newest = format!(
            "SELECT s.stripe_subscription_id FROM subscriptions s WHERE {owned} \
             ORDER BY s.created_at DESC, s.id DESC LIMIT 1"
        );
        Self {
            subscriptions: plain(sql.lines(&subscriptions).await),
            invoices: plain(sql.lines(&invoices).await),
            payments: plain(sql.lines(&payments).await),
            customers: plain(sql.lines(&customers).await),
            overrides: plain(sql.lines(&overrides).await),
            notifications: plain(sql.lines(&notifications).await),
            newest: plain(sql.lines(&newest).await),
        }
    }
}

/// JSON is written in as many ways as there are databases.
fn plain(lines: Vec<Line>) -> Vec<Line> {
    let one = |column: Option<String>| {
        column.map(|text| match serde_json::from_str::<Value>(&text) {
            Ok(json @ (Value::Object(_) | Value::Array(_))) => json.to_string(),
            _ => text,
        })
    };
    let line = |line: Line| line.into_iter().map(one).collect();
    lines.into_iter().map(line).collect()
}
