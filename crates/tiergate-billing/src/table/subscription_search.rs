//! Finds subscriptions.

use tiergate_core::{Subject, SubjectKind};

use super::filter::{Filter, anywhere};
use super::overrides;
use super::subscriptions::{Row, columns};
use crate::database::{DatabaseError, Session};
use crate::record::{Cursor, Page, PageRequest, SubscriptionRecord};

/// Which subscriptions are looked for. What is not said admits all.
#[derive(Clone, Debug, Default)]
pub(crate) struct SubscriptionQuery {
    /// Those of that tier.
    pub(crate) tier: Option<String>,
    /// Those of that status.
    pub(crate) status: Option<String>,
    /// Those of that owner.
    pub(crate) owner: Option<Subject>,
    /// Those that have that somewhere in the owner's id or in one of Stripe's ids, in any case.
    pub(crate) text: Option<String>,
}

const SELECT: &str = concat!("SELECT ", columns!(), " FROM subscriptions");

const TEXT: &str = r"(LOWER(user_id) LIKE LOWER($?) ESCAPE '\' OR LOWER(organization_id) LIKE LOWER($?) ESCAPE '\' OR LOWER(stripe_customer_id) LIKE LOWER($?) ESCAPE '\' OR LOWER(stripe_subscription_id) LIKE LOWER($?) ESCAPE '\')";

/// The subscriptions that are looked for, newest first, with their overrides.
pub(crate) async fn search(
    session: &mut impl Session,
    query: &SubscriptionQuery,
    page: PageRequest,
) -> Result<Page<SubscriptionRecord>, DatabaseError> {
    let mut filter = Filter::new(SELECT);
    filter.and_if("tier = $?", query.tier.as_deref());
    filter.and_if("status = $?", query.status.as_deref());
    if let Some(owner) = &query.owner {
        let condition = match owner.kind() {
            SubjectKind::User => "user_id = $?",
            SubjectKind::Organization => "organization_id = $?",
        };
        filter.and(condition, owner.id());
    }
    filter.and_if(TEXT, query.text.as_deref().map(anywhere));
    filter.page("created_at", page);
    let rows: Vec<Row> = filter.fetch(session).await?;
    let items = rows.into_iter().map(SubscriptionRecord::from).collect();
    let mut page = Page::cut(items, page, |record: &SubscriptionRecord| Cursor {
        at: record.created_at,
        id: record
            .id
            .map(crate::SubscriptionId::uuid)
            .unwrap_or_default(),
    });
    for record in &mut page.items {
        if let Some(id) = record.id {
            record.overrides = overrides::of(session, id).await?;
        }
    }
    Ok(page)
}

statements![SELECT];
