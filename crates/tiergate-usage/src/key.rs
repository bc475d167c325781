//! Which counter a claim counts in.

use std::sync::Arc;
use std::time::Duration;

use tiergate_core::time::Timestamp;
use tiergate_core::{Meter, Subject, Window};

/// The name of one counter: who uses what, and in which window it counts.
///
/// The parts stay apart. They are never joined to one text, so that no two counters can meet under
/// one name.
///
/// Cloning is cheap and allocates nothing.
///
/// ```
/// use std::time::Duration;
/// use tiergate_core::Subject;
/// use tiergate_usage::{CounterKey, CounterWindow};
///
/// let minute = CounterWindow::Sliding { length: Duration::from_secs(60) };
/// let key = CounterKey::new(Subject::user("42"), "api_calls_per_minute", minute);
/// assert_eq!(key.feature(), "api_calls_per_minute");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CounterKey {
    subject: Subject,
    feature: Arc<str>,
    window: CounterWindow,
}

impl CounterKey {
    /// The counter of `feature` for `subject` in `window`.
    #[must_use]
    pub fn new(subject: Subject, feature: impl Into<Arc<str>>, window: CounterWindow) -> Self {
        Self {
            subject,
            feature: feature.into(),
            window,
        }
    }

    /// The counter of a limit, which is where a gate counts it: `window` is the one of a quota, and
    /// none for a gauge or a rate.
    ///
    /// ```
    /// use tiergate_core::{Meter, QuotaPeriod, Subject, Window};
    /// use tiergate_usage::{CounterKey, CounterWindow};
    ///
    /// let (ada, month) = (Subject::user("ada"), Meter::Quota(QuotaPeriod::Month));
    /// let january = Window::of_month("2026-01-15T12:00:00Z".parse()?, &"UTC".parse()?);
    /// let key = CounterKey::of_limit(ada, "mails", month, Some(january));
    /// let (start, end) = (january.start(), january.end());
    /// assert_eq!(key.window(), CounterWindow::Fixed { start, end });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn of_limit(
        subject: Subject,
        feature: impl Into<Arc<str>>,
        meter: Meter,
        window: Option<Window>,
    ) -> Self {
        let window = match (window, meter) {
            (Some(window), _) => CounterWindow::Fixed {
                start: window.start(),
                end: window.end(),
            },
            (None, Meter::Rate(period)) => CounterWindow::Sliding {
                length: period.length(),
            },
            (None, Meter::Gauge | Meter::Quota(_)) => CounterWindow::Level,
        };
        Self::new(subject, feature, window)
    }

    /// Who uses it.
    #[inline]
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The key text of the feature that is used.
    #[inline]
    #[must_use]
    pub fn feature(&self) -> &str {
        &self.feature
    }

    /// The window it counts in.
    #[inline]
    #[must_use]
    pub fn window(&self) -> CounterWindow {
        self.window
    }

    /// The same text, for who has to know whether it lies in the same place.
    #[inline]
    pub(crate) fn feature_ref(&self) -> &Arc<str> {
        &self.feature
    }

    /// The same text, to be kept.
    #[inline]
    #[must_use]
    pub fn shared_feature(&self) -> Arc<str> {
        Arc::clone(&self.feature)
    }
}

/// The span of time that a counter counts in.
///
/// These are what is left of a [`Meter`](tiergate_core::Meter) once the calendar has been asked: a
/// store computes no calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CounterWindow {
    /// No window: the level now, which rises and falls. A gauge.
    Level,
    /// The last `length`, whenever it is asked. A unit counted at `t` counts from `t` until just
    /// before `t + length`. A rate.
    Sliding {
        /// How long a unit counts. Above zero.
        length: Duration,
    },
    /// From `start` until just before `end`. A quota. Another window of the same feature is another
    /// counter, which starts at zero.
    Fixed {
        /// The first moment of the window.
        start: Timestamp,
        /// The first moment after the window. Later than `start`.
        end: Timestamp,
    },
}

impl CounterWindow {
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Level => false,
            Self::Sliding { length } => length.is_zero(),
            Self::Fixed { start, end } => end <= start,
        }
    }
}
