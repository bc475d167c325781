//! A simulated Stripe: a customer with one subscription after another, their invoices and payments, and
//! the events that Stripe would send of what becomes of them, in their true order.

mod render;
mod story;

use serde_json::{Map, Value};

use crate::random::Random;
use render::Shape;
pub(crate) use story::{Action, Link, Owner, Start, Story, Versions, stories};

/// The moment at which every account begins, in seconds: months before the office opens.
const BEGINNING: i64 = 1_767_225_600;
const DAY: i64 = 24 * 60 * 60;

#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) status: &'static str,
    pub(crate) price: usize,
    pub(crate) quantity: u64,
    pub(crate) ends_with_period: bool,
    created: i64,
    period: (i64, i64),
    trial: Option<(i64, i64)>,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    latest_invoice: Option<String>,
    discount: Option<u8>,
    note: Option<u8>,
}

#[derive(Clone, Debug)]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) subscription: String,
    pub(crate) status: &'static str,
    created: i64,
    period: (i64, i64),
    amount: i64,
    quantity: u64,
    intent: String,
    attempts: u64,
    next_attempt: Option<i64>,
    finalized_at: Option<i64>,
    paid_at: Option<i64>,
}

#[derive(Clone, Debug)]
struct Payment {
    id: String,
    invoice: Option<String>,
    amount: i64,
    status: &'static str,
    failed: bool,
    created: i64,
}

/// The account of one customer.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) story: Story,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) invoices: Vec<Invoice>,
    /// The bodies, in the order in which they came to be.
    pub(crate) events: Vec<Value>,
    payments: u32,
    now: i64,
    random: Random,
}

impl Account {
    /// What becomes of the customer of that name.
    pub(crate) fn play(name: &str, story: &Story) -> Self {
        let mut account = Self {
            name: name.to_owned(),
            story: story.clone(),
            subscriptions: Vec::new(),
            invoices: Vec::new(),
            events: Vec::new(),
            payments: 0,
            now: BEGINNING,
            random: Random(story.seed),
        };
        account.subscribe(story.start);
        for action in &story.actions {
            account.act(*action);
        }
        account
    }

    pub(crate) fn customer(&self) -> String {
        format!("cus_{}", self.name)
    }

    /// The tier and the cycle of a price of this account.
    pub(crate) fn plan(&self, price: usize) -> (&'static str, &'static str) {
        let tiers = match self.story.owner {
            Owner::User => ["pro", "max", "premium"],
            Owner::Organization | Owner::Both => ["team_small", "team_growing", "team_scale"],
        };
        let cycle = if price.is_multiple_of(2) {
            "monthly"
        } else {
            "annual"
        };
        (tiers[price / 2 % 3], cycle)
    }

    pub(crate) fn sells_seats(&self) -> bool {
        self.story.owner != Owner::User
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Wait(seconds) => self.now += i64::from(seconds),
            Action::Pay(which) => self.pay(which),
            Action::Fail(which) => self.fail(which),
            Action::Void(which) => self.settle(which, "void", "invoice.voided"),
            Action::GiveUp(which) => {
                self.settle(which, "uncollectible", "invoice.marked_uncollectible");
            }
            Action::PayOnce => self.pay_once(),
            Action::SubscribeAgain => {
                if self.subscriptions.len() < 3 {
                    if !self.has_ended() {
                        self.end();
                    }
                    // Whoever comes back does so later.
                    self.now += 1 + i64::try_from(self.random.below(100)).unwrap();
                    let starts = [Start::Incomplete, Start::Active];
                    let start = starts[self.random.below(2)];
                    self.subscribe(start);
                }
            }
            Action::SetNote(note) => self.change(|it| it.note = note),
            _ if self.has_ended() => {}
            Action::SetPrice(price) => self.change(|it| it.price = price),
            Action::SetQuantity(quantity) => self.change(|it| it.quantity = quantity),
            Action::SetDiscount(discount) => self.change(|it| it.discount = discount),
            Action::ToggleCancel => {
                let now = self.now;
                self.change(|it| {
                    it.ends_with_period = !it.ends_with_period;
                    it.canceled_at = it.ends_with_period.then_some(now);
                });
            }
            Action::CancelNow => self.end(),
            Action::EndPeriod => self.end_period(),
            Action::TellTrialEnds => {
                if self.current().status == "trialing" {
                    self.tell_subscription("customer.subscription.trial_will_end", None);
                }
            }
        }
    }

    fn current(&self) -> &Subscription {
        self.subscriptions.last().unwrap()
    }

    fn has_ended(&self) -> bool {
        ["canceled", "incomplete_expired"].contains(&self.current().status)
    }

    fn subscribe(&mut self, start: Start) {
        let price = self.random.below(6);
        let trial = (self.now, self.now + 14 * DAY);
        self.subscriptions.push(Subscription {
            id: format!("sub_{}_{}", self.name, self.subscriptions.len()),
            status: match start {
                Start::Incomplete => "incomplete",
                Start::Trialing => "trialing",
                Start::Active => "active",
            },
            price,
            quantity: 1 + self.random.next() % 9,
            ends_with_period: false,
            created: self.now,
            period: match start {
                Start::Trialing => trial,
                Start::Incomplete | Start::Active => (self.now, self.now + 30 * DAY),
            },
            trial: (start == Start::Trialing).then_some(trial),
            canceled_at: None,
            ended_at: None,
            latest_invoice: None,
            discount: None,
            note: None,
        });
        if start == Start::Trialing {
            self.tell_subscription("customer.subscription.created", None);
            return;
        }
        // Stripe tells of both in one second, in either order.
        let id = self.next_invoice_id();
        self.subscriptions.last_mut().unwrap().latest_invoice = Some(id);
        let subscription_first = self.random.once_in(2);
        if subscription_first {
            self.tell_subscription("customer.subscription.created", None);
        }
        self.make_invoice();
        self.finalize(self.invoices.len() - 1);
        if start == Start::Active {
            let last = self.invoices.len() - 1;
            self.pay_invoice(last);
        }
        if !subscription_first {
            self.tell_subscription("customer.subscription.created", None);
        }
    }

    fn end(&mut self) {
        let now = self.now;
        let current = self.subscriptions.last_mut().unwrap();
        if current.status == "incomplete" {
            // What was never paid for expires instead.
            self.change(|it| it.status = "incomplete_expired");
            return;
        }
        current.status = "canceled";
        current.ended_at = Some(now);
        current.canceled_at.get_or_insert(now);
        self.tell_subscription("customer.subscription.deleted", None);
    }

    fn end_period(&mut self) {
        if self.current().status == "incomplete" {
            return;
        }
        self.now = self.now.max(self.current().period.1);
        if self.current().ends_with_period {
            self.end();
            return;
        }
        let id = self.next_invoice_id();
        let length = if self.plan(self.current().price).1 == "monthly" {
            30
        } else {
            365
        };
        let invoice_first = self.random.once_in(2);
        if invoice_first {
            self.make_invoice();
        }
        self.change(|it| {
            it.latest_invoice = Some(id);
            it.period = (it.period.1, it.period.1 + length * DAY);
            if it.status == "trialing" {
                it.status = "active";
            }
        });
        if !invoice_first {
            self.make_invoice();
        }
    }

    fn next_invoice_id(&self) -> String {
        format!("in_{}_{}", self.name, self.invoices.len())
    }

    fn make_invoice(&mut self) {
        let id = self.next_invoice_id();
        let of = self.current().clone();
        self.invoices.push(Invoice {
            intent: format!("pi_{}_{}", self.name, self.invoices.len()),
            id,
            subscription: of.id,
            status: "draft",
            created: self.now,
            period: of.period,
            amount: 700 * i64::try_from(of.quantity).unwrap(),
            quantity: of.quantity,
            attempts: 0,
            next_attempt: None,
            finalized_at: None,
            paid_at: None,
        });
        self.tell_invoice(self.invoices.len() - 1, "invoice.created");
    }

    fn finalize(&mut self, which: usize) {
        let now = self.now;
        let invoice = &mut self.invoices[which];
        if invoice.status != "draft" {
            return;
        }
        invoice.status = "open";
        invoice.finalized_at = Some(now);
        invoice.next_attempt = Some(now + 3_600);
        self.tell_invoice(which, "invoice.finalized");
    }

    /// The picked invoice, counted from the newest, if it can be paid; finalized if need be.
    fn open(&mut self, which: u8) -> Option<usize> {
        let which = self.invoices.len().checked_sub(1 + usize::from(which))?;
        self.finalize(which);
        (self.invoices[which].status == "open").then_some(which)
    }

    /// Whether the current subscription stands as this invoice does: it follows its latest.
    fn decides(&self, which: usize) -> bool {
        self.current().latest_invoice.as_ref() == Some(&self.invoices[which].id)
    }

    fn pay(&mut self, which: u8) {
        if let Some(which) = self.open(which) {
            self.pay_invoice(which);
        }
    }

    fn pay_invoice(&mut self, which: usize) {
        let now = self.now;
        let recovers =
            self.decides(which) && ["past_due", "incomplete"].contains(&self.current().status);
        let invoice = &mut self.invoices[which];
        invoice.status = "paid";
        invoice.paid_at = Some(now);
        invoice.attempts += 1;
        invoice.next_attempt = None;
        let payment = self.payment_of(which, "succeeded", false);
        let mut order = [0, 1, 2];
        self.random.shuffle(&mut order);
        for part in order {
            match part {
                0 => self.tell_payment(&payment, "payment_intent.succeeded"),
                1 => self.tell_invoice(which, "invoice.paid"),
                _ if recovers => self.change(|it| it.status = "active"),
                _ => {}
            }
        }
    }

    fn fail(&mut self, which: u8) {
        let Some(which) = self.open(which) else {
            return;
        };
        let falls = self.decides(which) && ["active", "trialing"].contains(&self.current().status);
        let now = self.now;
        let invoice = &mut self.invoices[which];
        invoice.attempts += 1;
        invoice.next_attempt = Some(now + 3 * DAY);
        let payment = self.payment_of(which, "requires_payment_method", true);
        let mut order = [0, 1, 2];
        self.random.shuffle(&mut order);
        for part in order {
            match part {
                0 => self.tell_payment(&payment, "payment_intent.payment_failed"),
                1 => self.tell_invoice(which, "invoice.payment_failed"),
                _ if falls => self.change(|it| it.status = "past_due"),
                _ => {}
            }
        }
    }

    fn settle(&mut self, which: u8, status: &'static str, kind: &str) {
        let Some(which) = self.open(which) else {
            return;
        };
        let recovers = self.decides(which) && self.current().status == "past_due";
        self.invoices[which].status = status;
        self.invoices[which].next_attempt = None;
        self.tell_invoice(which, kind);
        if recovers {
            self.change(|it| it.status = "active");
        }
    }

    /// Something that was bought beside all subscriptions.
    fn pay_once(&mut self) {
        self.payments += 1;
        let payment = Payment {
            id: format!("pi_{}_once_{}", self.name, self.payments),
            invoice: None,
            amount: 990,
            status: "succeeded",
            failed: false,
            created: self.now,
        };
        self.tell_payment(&payment, "payment_intent.succeeded");
    }

    fn payment_of(&self, which: usize, status: &'static str, failed: bool) -> Payment {
        let invoice = &self.invoices[which];
        Payment {
            id: invoice.intent.clone(),
            invoice: Some(invoice.id.clone()),
            amount: invoice.amount,
            status,
            failed,
            created: invoice.finalized_at.unwrap(),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Subscription)) {
        let shape = self.shape();
        let before = self.render_subscription(self.current(), shape);
        change(self.subscriptions.last_mut().unwrap());
        let after = self.render_subscription(self.current(), shape);
        let previous = difference(&before, &after);
        if !previous.is_empty() {
            self.tell_subscription("customer.subscription.updated", Some(previous.into()));
        }
    }

    fn tell_subscription(&mut self, kind: &str, previous: Option<Value>) {
        let object = self.render_subscription(self.current(), self.shape());
        self.tell(kind, &object, previous);
    }

    fn tell_invoice(&mut self, which: usize, kind: &str) {
        let object = self.render_invoice(&self.invoices[which], self.shape());
        self.tell(kind, &object, None);
    }

    fn tell_payment(&mut self, payment: &Payment, kind: &str) {
        let object = self.render_payment(payment, self.shape());
        self.tell(kind, &object, None);
    }

    fn tell(&mut self, kind: &str, object: &Value, previous: Option<Value>) {
        // Stripe's ids of events say nothing about their order.
        let id = format!("evt_{}_{:016x}", self.name, self.random.next());
        let event = self.render_event(&id, kind, object, previous);
        self.events.push(event);
    }

    /// All that is told in one second is written in one version.
    fn shape(&self) -> Shape {
        match self.story.versions {
            Versions::Old => Shape::Old,
            Versions::New => Shape::New,
            Versions::Mixed => {
                let of_second = Random(self.story.seed ^ self.now.cast_unsigned()).next();
                if of_second.is_multiple_of(2) {
                    Shape::Old
                } else {
                    Shape::New
                }
            }
        }
    }
}

/// What an object was before it changed, as Stripe tells it: of an object within it only what changed,
/// of anything else all.
fn difference(before: &Value, after: &Value) -> Map<String, Value> {
    let none = Map::new();
    let (before, after) = (
        before.as_object().unwrap_or(&none),
        after.as_object().unwrap_or(&none),
    );
    let mut previous = Map::new();
    for name in before.keys().chain(after.keys()) {
        let (was, is) = (&before.get(name), &after.get(name));
        match (was, is) {
            _ if was == is => {}
            (Some(was @ Value::Object(_)), Some(is @ Value::Object(_))) => {
                previous.insert(name.clone(), difference(was, is).into());
            }
            (was, _) => {
                previous.insert(name.clone(), was.cloned().unwrap_or(Value::Null));
            }
        }
    }
    previous
}
