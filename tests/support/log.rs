use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

/// Every event of this thread, as long as it lives.
#[derive(Debug)]
pub struct Log {
    events: Arc<Mutex<Vec<Seen>>>,
    _guard: DefaultGuard,
}

/// An event that was logged.
#[derive(Clone, Debug)]
pub struct Seen {
    target: &'static str,
    level: Level,
    fields: BTreeMap<&'static str, String>,
}

struct Capture(Arc<Mutex<Vec<Seen>>>);

struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push(Seen {
            target: event.metadata().target(),
            level: *event.metadata().level(),
            fields: fields.0,
        });
    }
}

impl Log {
    /// Begins to listen.
    #[must_use]
    pub fn start() -> Self {
        let events = Arc::<Mutex<Vec<Seen>>>::default();
        let capture = Capture(Arc::clone(&events));
        let subscriber = tracing_subscriber::registry().with(capture);
        Self {
            events,
            _guard: tracing::subscriber::set_default(subscriber),
        }
    }

    /// Every event of that name so far.
    ///
    /// # Panics
    ///
    /// When another thread panicked while it logged.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<Seen> {
        let events = self.events.lock().unwrap();
        let named = events
            .iter()
            .filter(|seen| seen.fields.get("event").is_some_and(|event| event == name));
        named.cloned().collect()
    }

    /// Asserts that there is one event of that name, with this level, this target and these fields.
    ///
    /// # Panics
    ///
    /// When there is not.
    #[track_caller]
    pub fn assert_one(&self, name: &str, level: Level, target: &str, fields: &[(&str, &str)]) {
        let seen = self.named(name);
        assert_eq!(seen.len(), 1, "{name}: {seen:?}");
        seen.iter()
            .for_each(|one| one.assert(name, level, target, fields));
    }
}

impl Seen {
    /// The value of a field; empty if it is not there.
    #[must_use]
    pub fn field(&self, name: &str) -> String {
        self.fields.get(name).cloned().unwrap_or_default()
    }

    /// Asserts that it has this level, this target and these fields. `*` stands for any value.
    ///
    /// # Panics
    ///
    /// When it has not.
    #[track_caller]
    pub fn assert(&self, name: &str, level: Level, target: &str, fields: &[(&str, &str)]) {
        assert_eq!((self.target, self.level), (target, level), "{name}");
        let own: BTreeSet<_> = self.fields.keys().copied().collect();
        let besides = ["event", "message"];
        let expected: BTreeSet<_> = fields
            .iter()
            .map(|(field, _)| *field)
            .chain(besides)
            .collect();
        assert!(
            own.is_subset(&expected),
            "{name} has more than {expected:?}: {own:?}"
        );
        for (field, value) in fields {
            let found = self.fields.get(field);
            assert!(
                found.is_some_and(|found| *value == "*" || found == value),
                "{name}: {self:?}"
            );
        }
    }
}
