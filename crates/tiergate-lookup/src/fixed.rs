mod error;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use serde_json::Value;
use tiergate_core::{Subject, Subscription};

use crate::wire::{self, WireError};
use crate::{Answer, SubscriptionLookup};
pub use error::StaticLookupError;
use error::{EntryFault, Problem, Reason};

/// The largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Subscriptions held in memory: for tests, for a service with a handful of customers, and for a
/// first run without a billing service.
///
/// Clones share their content. Whoever is not in it has no subscription.
///
/// ```
/// use tiergate_core::{Subject, Subscription, SubscriptionStatus};
/// use tiergate_lookup::{Answer, StaticLookup, SubscriptionLookup};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let ada = Subject::user("ada");
/// let lookup = StaticLookup::new([
///     Subscription::new(ada.clone(), "pro", SubscriptionStatus::Active),
/// ]);
/// assert!(matches!(lookup.lookup(&ada).await, Answer::Found(found) if &*found.tier == "pro"));
///
/// lookup.remove(&ada);
/// assert!(matches!(lookup.lookup(&ada).await, Answer::Missing));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StaticLookup {
    subscriptions: Arc<RwLock<HashMap<Subject, Arc<Subscription>>>>,
}

impl StaticLookup {
    /// A lookup that knows these. Of two for one subject, the last counts.
    #[must_use]
    pub fn new(subscriptions: impl IntoIterator<Item = Subscription>) -> Self {
        let lookup = Self::default();
        for subscription in subscriptions {
            lookup.set(subscription);
        }
        lookup
    }

    /// Reads a JSON array of subscription objects, in the shape of [`wire`](crate::wire), from a
    /// file. Blocks while it reads.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is larger than 64 MiB, and as [`from_json`](Self::from_json).
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, StaticLookupError> {
        let path = path.as_ref();
        let in_file = |error: StaticLookupError| error.in_file(path);
        let text = File::open(path)
            .map_err(Problem::from)
            .and_then(|file| read(file, MAX_FILE_BYTES))
            .map_err(|problem| in_file(problem.into()))?;
        Self::from_json(&text).map_err(in_file)
    }

    /// Reads a JSON array of subscription objects, in the shape of [`wire`](crate::wire).
    ///
    /// # Errors
    ///
    /// When the text is not such an array, or names one subject twice. The error says of every entry
    /// that cannot be used its place, from zero, and which field it is.
    pub fn from_json(text: &str) -> Result<Self, StaticLookupError> {
        let entries: Vec<Value> = serde_json::from_str(text)
            .map_err(|error| Problem::NotAnArray(WireError::from(error)))?;
        let count = entries.len();
        let mut subscriptions = HashMap::with_capacity(count);
        let mut faults = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let reason = match wire::from_value(entry) {
                Ok(subscription) => {
                    let subject = subscription.subject.clone();
                    let before = subscriptions.insert(subject.clone(), Arc::new(subscription));
                    before.map(|_| Reason::Twice(subject))
                }
                Err(error) => Some(Reason::Malformed(error)),
            };
            faults.extend(reason.map(|reason| EntryFault { index, reason }));
        }
        if !faults.is_empty() {
            return Err(Problem::Entries { faults, count }.into());
        }
        Ok(Self {
            subscriptions: Arc::new(RwLock::new(subscriptions)),
        })
    }

    /// Gives `subscription` to the subject it names, in place of what that had.
    pub fn set(&self, subscription: Subscription) {
        self.subscriptions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(subscription.subject.clone(), Arc::new(subscription));
    }

    /// Takes the subscription of `subject` away, and returns it.
    pub fn remove(&self, subject: &Subject) -> Option<Arc<Subscription>> {
        self.subscriptions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(subject)
    }

    /// The subscription of `subject`.
    #[must_use]
    pub fn get(&self, subject: &Subject) -> Option<Arc<Subscription>> {
        self.subscriptions
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(subject)
            .cloned()
    }
}

/// Reads text of at most `most` bytes.
fn read(source: impl Read, most: u64) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    source
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    // Before it is taken for text: it may have been cut within a character.
    if bytes.len() as u64 > most {
        return Err(Problem::TooLarge);
    }
    String::from_utf8(bytes)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error).into())
}

#[async_trait]
impl SubscriptionLookup for StaticLookup {
    async fn lookup(&self, subject: &Subject) -> Answer {
        match self.get(subject) {
            Some(subscription) => Answer::Found(subscription),
            None => Answer::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_their_content() {
        let lookup = StaticLookup::default();
        let clone = lookup.clone();
        clone.set(Subscription::new(
            Subject::user("u"),
            "pro",
            "active".into(),
        ));
        assert_eq!(&*lookup.get(&Subject::user("u")).unwrap().tier, "pro");
        assert!(lookup.get(&Subject::organization("u")).is_none());
    }

    #[test]
    fn an_error_names_file_entry_and_field() {
        let path = std::env::temp_dir().join(format!("tiergate-fixed-{}.json", std::process::id()));
        std::fs::write(
            &path,
            r#"[{"userId":"a","tier":"pro","status":"active"},{"userId":"b","tier":5,"status":"active"}]"#,
        )
        .unwrap();
        let error = StaticLookup::from_path(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(error.entries().collect::<Vec<_>>(), [1]);
        assert_eq!(
            error.to_string(),
            format!("`{}`: entry 1: field `tier` must be text", path.display())
        );
    }

    #[test]
    fn every_entry_that_cannot_be_used_is_told_at_once() {
        let error = StaticLookup::from_json(
            r#"[{"tier":"pro","status":"active"},{"userId":"a","tier":"pro","status":"active"},
                {"userId":"a","tier":"max","status":"active"},7]"#,
        )
        .unwrap_err();
        assert_eq!(error.entries().collect::<Vec<_>>(), [0, 2, 3]);
        assert_eq!(
            error.to_string(),
            "3 of 4 entries cannot be used\n\
             entry 0: missing field `userId` or `organizationId`\n\
             entry 2: `user:a` has a subscription already, and can have only one\n\
             entry 3: not of the expected shape"
        );
    }

    #[test]
    fn of_very_many_the_first_are_told() {
        let error = StaticLookup::from_json(&format!("[{}]", ["0"; 1_000].join(","))).unwrap_err();
        assert_eq!(error.entries().count(), 1_000);
        let text = error.to_string();
        assert!(text.starts_with("1000 of 1000 entries"), "{text}");
        assert_eq!(text.lines().count(), 22);
        assert!(text.ends_with("\nand 980 more"), "{text}");
    }

    #[test]
    fn a_subject_named_twice_is_refused() {
        let error = StaticLookup::from_json(
            r#"[{"userId":"a","tier":"pro","status":"active"},{"userId":"a","tier":"max","status":"active"}]"#,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry 1: `user:a` has a subscription already, and can have only one"
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        let twice = r#"[{"userId":"\u001b[2J","tier":"pro","status":"active"},{"userId":"\u001b[2J","tier":"max","status":"active"}]"#;
        let error = StaticLookup::from_json(twice)
            .unwrap_err()
            .in_file(Path::new("\u{1b}c.json"));
        let text = error.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains(r"user:\u{1b}[2J"), "{text}");
    }

    #[test]
    fn a_file_that_is_too_large_is_told_wherever_it_is_cut() {
        let text = "ü".repeat(10);
        for most in 0..20 {
            let problem = read(text.as_bytes(), most).unwrap_err();
            assert!(matches!(problem, Problem::TooLarge), "{most}: {problem:?}");
        }
        assert_eq!(read(text.as_bytes(), 20).unwrap(), text);
        let broken = read([0xff].as_slice(), 20).unwrap_err();
        assert!(matches!(broken, Problem::Unreadable(_)));
    }

    #[test]
    fn a_missing_file_says_so() {
        let error = StaticLookup::from_path("/nowhere/subscriptions.json").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`/nowhere/subscriptions.json`: the file cannot be read as text"
        );
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn anything_but_an_array_is_refused() {
        let error = StaticLookup::from_json(r#"{"userId":"secret"}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("expected an array of subscriptions: ")
        );
        assert!(!error.to_string().contains("secret"));
    }
}
