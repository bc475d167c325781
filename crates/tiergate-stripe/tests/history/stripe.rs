//! A simulated Stripe: one subscription and its invoices, and the events that Stripe would send of
//! what becomes of them, in their true order.

use serde_json::{Map, Value, json};

use crate::random::Random;

/// What is done next. Numbers are picked from what exists at the time.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Wait(u8),
    SetQuantity(u8),
    SetNote(Option<u8>),
    SetPrice(u8),
    ToggleCancel,
    AddOrRemoveItem,
    Renew,
    Finalize(u8),
    Pay(u8),
    Fail(u8),
    Void(u8),
    GiveUp(u8),
    NoteOnInvoice(u8, Option<u8>),
    TellTrialEnds,
    Expire,
    Delete,
}

/// How the subscription begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Incomplete,
    Trialing,
    Active,
}

/// What sort of history it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    /// Many things in one second, and values that come back.
    Crowded,
    /// Many things in one second, but no state of anything is ever like one before.
    Fresh,
    /// No two events in one second.
    Spread,
}

pub(crate) struct Invoice {
    pub(crate) object: Value,
    pub(crate) first_failed: Option<i64>,
    pub(crate) settled: Option<i64>,
}

pub(crate) struct Stripe {
    pub(crate) subscription: Value,
    pub(crate) past_due_since: Option<i64>,
    pub(crate) invoices: Vec<Invoice>,
    /// In the order in which they came to be.
    pub(crate) events: Vec<Value>,
    now: i64,
    style: Style,
    random: Random,
    revision: u32,
}

impl Stripe {
    pub(crate) fn begin(start: Start, style: Style, random: Random) -> Self {
        let status = match start {
            Start::Incomplete => "incomplete",
            Start::Trialing => "trialing",
            Start::Active => "active",
        };
        let mut stripe = Self {
            subscription: json!({
                "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status,
                "created": 1000, "cancel_at_period_end": false, "latest_invoice": null,
                "metadata": {}, "items": {"object": "list", "data": [item(1)]}
            }),
            past_due_since: None,
            invoices: Vec::new(),
            events: Vec::new(),
            now: 1000,
            style,
            random,
            revision: 0,
        };
        if let Start::Incomplete = start {
            stripe.subscription["latest_invoice"] = json!("in_0");
            stripe.tell_created();
            stripe.make_invoice();
            stripe.finalize(0);
        } else {
            stripe.tell_created();
        }
        stripe
    }

    pub(crate) fn act(&mut self, action: &Action) {
        let ended = ["canceled", "incomplete_expired"].contains(&self.status());
        match *action {
            Action::Wait(seconds) => self.now += i64::from(seconds),
            // The only thing that may still be changed.
            Action::SetNote(note) => {
                self.change(|it| it["metadata"]["note"] = json!(note));
            }
            Action::NoteOnInvoice(which, note) => {
                if let Some(which) = self.pick(which) {
                    self.change_invoice(which, |it| it["metadata"]["note"] = json!(note));
                }
            }
            Action::Pay(which) => self.pay(which),
            Action::Fail(which) => self.fail(which),
            Action::Void(which) => self.void(which),
            Action::GiveUp(which) => self.give_up(which),
            Action::Finalize(which) => {
                if let Some(which) = self.pick(which) {
                    self.finalize(which);
                }
            }
            _ if ended => {}
            Action::SetQuantity(quantity) => {
                self.change(|it| it["items"]["data"][0]["quantity"] = json!(quantity));
            }
            Action::SetPrice(price) => self.change(|it| {
                it["items"]["data"][0]["price"]["id"] = json!(format!("price_{price}"));
            }),
            Action::ToggleCancel => self.change(|it| {
                let now = it["cancel_at_period_end"] == json!(true);
                it["cancel_at_period_end"] = json!(!now);
            }),
            Action::AddOrRemoveItem => self.change(|it| {
                let items = it["items"]["data"].as_array_mut().unwrap();
                if items.len() > 1 {
                    items.pop();
                } else {
                    items.push(item(2));
                }
            }),
            Action::Renew => self.renew(),
            Action::TellTrialEnds => {
                let object = self.subscription.clone();
                self.emit("customer.subscription.trial_will_end", &object, None);
            }
            Action::Expire => {
                if self.status() == "incomplete" {
                    self.set_status("incomplete_expired");
                }
            }
            Action::Delete => {
                self.subscription["status"] = json!("canceled");
                self.subscription["ended_at"] = json!(self.now);
                self.past_due_since = None;
                let object = self.subscription.clone();
                self.emit("customer.subscription.deleted", &object, None);
            }
        }
    }

    pub(crate) fn status(&self) -> &str {
        self.subscription["status"].as_str().unwrap()
    }

    fn tell_created(&mut self) {
        let object = self.subscription.clone();
        self.emit("customer.subscription.created", &object, None);
    }

    fn renew(&mut self) {
        // Stripe does not make two invoices for one subscription in one second.
        let last = self
            .invoices
            .last()
            .map(|it| it.object["created"].as_i64().unwrap());
        if self.status() == "incomplete" || last.is_some_and(|last| last >= self.now) {
            return;
        }
        let id = self.make_invoice();
        self.change(|it| {
            it["latest_invoice"] = json!(id);
            let end = it["current_period_end"].as_i64().unwrap_or(0);
            it["current_period_start"] = json!(end);
            it["current_period_end"] = json!(end + 100);
            if it["status"] == "trialing" {
                it["status"] = json!("active");
            }
        });
    }

    fn make_invoice(&mut self) -> String {
        let id = format!("in_{}", self.invoices.len());
        let object = json!({
            "id": id, "object": "invoice", "customer": "cus_1", "status": "draft",
            "currency": "usd", "created": self.now, "attempt_count": 0, "metadata": {},
            "parent": {"subscription_details": {"subscription": "sub_1"}},
            "status_transitions": {"paid_at": null}
        });
        self.emit("invoice.created", &object, None);
        self.invoices.push(Invoice {
            object,
            first_failed: None,
            settled: None,
        });
        id
    }

    fn finalize(&mut self, which: usize) {
        if self.invoices[which].object["status"] != "draft" {
            return;
        }
        let mut object = self.invoices[which].object.clone();
        object["status"] = json!("open");
        object["number"] = json!(format!("A-{which}"));
        self.emit("invoice.finalized", &object, None);
        self.change_invoice(which, |it| {
            it["status"] = json!("open");
            it["number"] = json!(format!("A-{which}"));
        });
    }

    fn fail(&mut self, which: u8) {
        let Some(which) = self.open(which) else {
            return;
        };
        let decides = self.decides(which) && ["active", "trialing"].contains(&self.status());
        let told_before = decides && self.random.coin();
        if told_before {
            self.past_due_since = Some(self.now);
            self.set_status("past_due");
        }
        let invoice = &mut self.invoices[which];
        invoice.first_failed.get_or_insert(self.now);
        let attempts = invoice.object["attempt_count"].as_i64().unwrap();
        invoice.object["attempt_count"] = json!(attempts + 1);
        let object = invoice.object.clone();
        if decides {
            self.past_due_since.get_or_insert(self.now);
        }
        self.emit("invoice.payment_failed", &object, None);
        if decides && !told_before {
            self.set_status("past_due");
        }
    }

    fn pay(&mut self, which: u8) {
        let Some(which) = self.open(which) else {
            return;
        };
        let decides = self.decides(which) && ["past_due", "incomplete"].contains(&self.status());
        let told_before = decides && self.random.coin();
        if told_before {
            self.set_status("active");
        }
        self.settle(which, "paid", "invoice.paid");
        if decides && !told_before {
            self.set_status("active");
        }
    }

    fn give_up(&mut self, which: u8) {
        let Some(which) = self.open(which) else {
            return;
        };
        let decides = self.decides(which) && self.status() == "past_due";
        self.settle(which, "uncollectible", "invoice.marked_uncollectible");
        if decides {
            self.set_status("active");
        }
    }

    fn void(&mut self, which: u8) {
        let Some(which) = self.open(which) else {
            return;
        };
        let decides = self.decides(which) && self.status() == "past_due";
        self.settle(which, "void", "invoice.voided");
        if decides {
            self.set_status("active");
        }
    }

    fn settle(&mut self, which: usize, status: &str, kind: &str) {
        let invoice = &mut self.invoices[which];
        invoice.settled = Some(self.now);
        invoice.object["status"] = json!(status);
        if status == "paid" {
            invoice.object["status_transitions"]["paid_at"] = json!(self.now);
        }
        let object = invoice.object.clone();
        self.emit(kind, &object, None);
    }

    fn set_status(&mut self, status: &str) {
        if status != "past_due" {
            self.past_due_since = None;
        }
        self.change(|it| it["status"] = json!(status));
    }

    /// Whether the subscription follows this invoice: it follows the latest.
    fn decides(&self, which: usize) -> bool {
        which + 1 == self.invoices.len()
    }

    fn pick(&self, which: u8) -> Option<usize> {
        // Mostly the newest.
        self.invoices.len().checked_sub(1 + usize::from(which))
    }

    /// The picked invoice, if it can be paid; finalized if need be.
    fn open(&mut self, which: u8) -> Option<usize> {
        let which = self.pick(which)?;
        self.finalize(which);
        (self.invoices[which].object["status"] == "open").then_some(which)
    }

    fn change(&mut self, change: impl FnOnce(&mut Value)) {
        let before = self.subscription.clone();
        change(&mut self.subscription);
        if let Some(previous) = self.difference(&before, Self::subscription_of) {
            let object = self.subscription.clone();
            self.emit("customer.subscription.updated", &object, Some(previous));
        }
    }

    fn change_invoice(&mut self, which: usize, change: impl FnOnce(&mut Value)) {
        let before = self.invoices[which].object.clone();
        change(&mut self.invoices[which].object);
        if let Some(previous) =
            self.difference(&before, |stripe| &mut stripe.invoices[which].object)
        {
            let object = self.invoices[which].object.clone();
            self.emit("invoice.updated", &object, Some(previous));
        }
    }

    fn subscription_of(&mut self) -> &mut Value {
        &mut self.subscription
    }

    /// What was otherwise in `before`; none if nothing was.
    fn difference(
        &mut self,
        before: &Value,
        object: impl Fn(&mut Self) -> &mut Value,
    ) -> Option<Value> {
        previous(before.as_object()?, object(self).as_object()?)?;
        if self.style == Style::Fresh {
            self.revision += 1;
            let revision = json!(self.revision.to_string());
            object(self)["metadata"]["revision"] = revision;
        }
        previous(before.as_object()?, object(self).as_object()?)
    }

    fn emit(&mut self, kind: &str, object: &Value, previous: Option<Value>) {
        // An id says nothing about when it was given.
        let id = format!("evt_{:016x}", self.random.next());
        let mut data = json!({"object": object});
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        self.events.push(json!({
            "id": id, "object": "event", "type": kind, "created": self.now, "livemode": false,
            "data": data
        }));
        if self.style == Style::Spread {
            self.now += 1;
        }
    }
}

fn item(number: u8) -> Value {
    json!({
        "id": format!("si_{number}"), "object": "subscription_item", "quantity": 1,
        "metadata": {}, "price": {
            "id": "price_1", "lookup_key": "pro_monthly", "recurring": {"interval": "month"}
        }
    })
}

/// As Stripe writes it: of objects what changed, of lists all of it, null for what was not there.
fn previous(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<Value> {
    let mut changed = Map::new();
    let names = before.keys().chain(after.keys());
    for name in names {
        let old = before.get(name).unwrap_or(&Value::Null);
        let new = after.get(name).unwrap_or(&Value::Null);
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                changed.extend(previous(old, new).map(|it| (name.clone(), it)));
            }
            _ if old == new => {}
            _ => {
                changed.insert(name.clone(), old.clone());
            }
        }
    }
    (!changed.is_empty()).then_some(Value::Object(changed))
}
