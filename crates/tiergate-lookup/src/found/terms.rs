use tiergate_core::subscription::{PlainSubscription, Renewal};
use tiergate_core::time::Timestamp;
use tiergate_core::{Subject, Subscription, SubscriptionStatus};

/// What a subscription says beside whose it is and of which tier, in as many bytes as most need.
///
/// There is no room for overrides, for a status that this version does not know, and for ids of 41
/// bytes or more; of 33 where a trial has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    period_start: u64,
    period_end: u64,
    version: u64,
    /// The end of the trial, if there is one, and then the id.
    tail: [u64; TAIL],
    seats: u32,
    flags: Flags,
}

/// How many numbers the tail takes.
const TAIL: usize = 5;
/// How many bytes that are.
const TAIL_BYTES: usize = TAIL * 8;
/// How many of these the end of a trial takes.
const TRIAL_BYTES: usize = 8;

/// Which parts there are, and those parts that are small: from the lowest bit up the status in four
/// bits, a bit for each part, and the length of the id in six.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags(u16);

impl Flags {
    const STATUS: u16 = 0xf;
    const ENDS_WITH_PERIOD: u16 = 1 << 4;
    const SEATS: u16 = 1 << 5;
    const VERSION: u16 = 1 << 6;
    const TRIAL: u16 = 1 << 7;
    const ID: u16 = 1 << 14;
    const LENGTH: u32 = 8;

    #[inline]
    fn has(self, part: u16) -> bool {
        self.0 & part != 0
    }

    fn with(self, part: u16, is_there: bool) -> Self {
        Self(self.0 | if is_there { part } else { 0 })
    }

    fn length(self) -> usize {
        usize::from(self.0 >> Self::LENGTH & 0x3f)
    }
}

/// By their numbers.
const STATUSES: [SubscriptionStatus; 9] = [
    SubscriptionStatus::Active,
    SubscriptionStatus::Trialing,
    SubscriptionStatus::PastDue,
    SubscriptionStatus::Canceled,
    SubscriptionStatus::Suspended,
    SubscriptionStatus::Incomplete,
    SubscriptionStatus::IncompleteExpired,
    SubscriptionStatus::Unpaid,
    SubscriptionStatus::Paused,
];

impl Terms {
    /// How many numbers it takes.
    pub(crate) const NUMBERS: usize = TAIL + 4;

    /// In place of those of a subscription, where there is none.
    pub(crate) const NOTHING: Self = Self {
        period_start: 0,
        period_end: 0,
        version: 0,
        tail: [0; TAIL],
        seats: 0,
        flags: Flags(0),
    };

    /// `None` if there is no room for something that it says.
    pub(crate) fn pack(subscription: &Subscription) -> Option<Self> {
        let status = STATUSES
            .iter()
            .position(|status| *status == subscription.status)?;
        if !subscription.overrides.is_empty() {
            return None;
        }
        let trial = subscription.trial_end.map(as_bytes);
        let id = subscription.id.as_deref();
        let mut tail = [0; TAIL_BYTES];
        let id_at = if trial.is_some() { TRIAL_BYTES } else { 0 };
        let (of_trial, of_id) = tail.split_at_mut_checked(id_at)?;
        if let Some(trial) = &trial {
            of_trial.copy_from_slice(trial);
        }
        let bytes = id.unwrap_or_default().as_bytes();
        of_id.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let (words, _) = tail.as_chunks();
        let mut packed = Self {
            period_start: as_number(subscription.period_start),
            period_end: as_number(subscription.period_end),
            version: subscription.version.unwrap_or_default(),
            tail: [0; TAIL],
            seats: subscription.seats.unwrap_or_default(),
            flags: Flags(
                u16::try_from(status).ok()? | u16::try_from(bytes.len()).ok()? << Flags::LENGTH,
            )
            .with(
                Flags::ENDS_WITH_PERIOD,
                subscription.renewal == Renewal::EndsWithPeriod,
            )
            .with(Flags::SEATS, subscription.seats.is_some())
            .with(Flags::VERSION, subscription.version.is_some())
            .with(Flags::TRIAL, trial.is_some())
            .with(Flags::ID, id.is_some()),
        };
        for (number, word) in packed.tail.iter_mut().zip(words) {
            *number = u64::from_le_bytes(*word);
        }
        // A part that a subscription gets one day must not be lost here.
        debug_assert_eq!(
            packed.unpack(subscription.subject.clone(), &subscription.tier),
            *subscription
        );
        Some(packed)
    }

    pub(crate) fn unpack(&self, subject: Subject, tier: &str) -> Subscription {
        let status = STATUSES.get(usize::from(self.flags.0 & Flags::STATUS));
        // There is no other number. One would give nothing.
        let status = status.cloned().unwrap_or(SubscriptionStatus::Unpaid);
        let mut subscription = Subscription::new(subject, tier, status);
        subscription.period_start = as_timestamp(self.period_start);
        subscription.period_end = as_timestamp(self.period_end);
        subscription.version = self.version();
        subscription.seats = self.flags.has(Flags::SEATS).then_some(self.seats);
        if self.flags.has(Flags::ENDS_WITH_PERIOD) {
            subscription.renewal = Renewal::EndsWithPeriod;
        }
        let mut tail = [0; TAIL_BYTES];
        for (bytes, word) in tail.as_chunks_mut().0.iter_mut().zip(self.tail) {
            *bytes = word.to_le_bytes();
        }
        let mut rest = tail.as_slice();
        if self.flags.has(Flags::TRIAL)
            && let Some((trial, id)) = rest.split_first_chunk()
        {
            subscription.trial_end = Some(Timestamp::from_micros(i64::from_le_bytes(*trial)));
            rest = id;
        }
        if self.flags.has(Flags::ID) {
            let id = rest.get(..self.flags.length()).unwrap_or(rest);
            // It was text, so nothing of it is replaced.
            subscription.id = Some(String::from_utf8_lossy(id).into());
        }
        subscription
    }

    pub(crate) fn version(&self) -> Option<u64> {
        self.flags.has(Flags::VERSION).then_some(self.version)
    }

    /// What [`Subscription::as_plain`] says of one without overrides.
    #[inline]
    pub(crate) fn as_plain<'a>(&self, tier: &'a str) -> Option<PlainSubscription<'a>> {
        self.is_plain().then(|| PlainSubscription {
            tier,
            period_start: as_timestamp(self.period_start),
            period_end: as_timestamp(self.period_end),
        })
    }

    /// Whether there is something for [`as_plain`](Self::as_plain) to say.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        // Active has the number 0.
        !self.flags.has(Flags::STATUS | Flags::ENDS_WITH_PERIOD)
    }

    /// As numbers, with a label of whoever keeps them.
    #[inline]
    pub(crate) fn into_numbers(self, label: u16) -> [u64; Self::NUMBERS] {
        let [a, b, c, d, e] = self.tail;
        let last = u64::from(self.seats) << 32 | u64::from(label) << 16 | u64::from(self.flags.0);
        [
            self.period_start,
            self.period_end,
            self.version,
            a,
            b,
            c,
            d,
            e,
            last,
        ]
    }

    #[inline]
    pub(crate) fn from_numbers(numbers: [u64; Self::NUMBERS]) -> (Self, u16) {
        let [period_start, period_end, version, tail @ .., last] = numbers;
        let [a, b, c, d, seats @ ..] = last.to_le_bytes();
        let terms = Self {
            period_start,
            period_end,
            version,
            tail,
            seats: u32::from_le_bytes(seats),
            flags: Flags(u16::from_le_bytes([a, b])),
        };
        (terms, u16::from_le_bytes([c, d]))
    }
}

/// Stands for no moment: it lies before the first that there is.
const NO_MOMENT: i64 = i64::MIN;

/// A moment that there may be as a number.
#[inline]
pub(crate) fn as_number(moment: Option<Timestamp>) -> u64 {
    u64::from_le_bytes(moment.map_or(NO_MOMENT.to_le_bytes(), as_bytes))
}

#[inline]
pub(crate) fn as_timestamp(number: u64) -> Option<Timestamp> {
    let micros = i64::from_le_bytes(number.to_le_bytes());
    (micros != NO_MOMENT).then(|| Timestamp::from_micros(micros))
}

#[inline]
fn as_bytes(moment: Timestamp) -> [u8; 8] {
    moment.as_micros().to_le_bytes()
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use tiergate_core::subscription::{Override, OverrideValue};

    use super::*;

    fn moments() -> impl Strategy<Value = Timestamp> {
        prop_oneof![
            Just(Timestamp::MIN),
            Just(Timestamp::MAX),
            Just(Timestamp::from_micros(0)),
            any::<i64>().prop_map(Timestamp::from_micros),
        ]
    }

    fn numbers() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), Just(u64::MAX), any::<u64>()]
    }

    /// Of every length around what there is room for, also of letters of several bytes.
    fn ids() -> impl Strategy<Value = String> {
        prop_oneof!["\\PC{0,44}", "[a-z0-9-]{0,44}", "(ü|日){0,22}"]
    }

    fn statuses() -> impl Strategy<Value = SubscriptionStatus> {
        (0..=STATUSES.len()).prop_map(|number| match STATUSES.get(number) {
            Some(status) => status.clone(),
            None => SubscriptionStatus::Other("odd".into()),
        })
    }

    fn overrides() -> impl Strategy<Value = Vec<Override>> {
        let set = (ids(), any::<bool>(), prop::option::of(moments())).prop_map(
            |(feature, on, expires_at)| Override {
                feature: feature.into(),
                value: OverrideValue::Boolean(on),
                expires_at,
            },
        );
        prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(set, 1..3)]
    }

    /// Every subscription that there can be.
    pub(crate) fn subscriptions() -> impl Strategy<Value = Subscription> {
        let moment = || prop::option::of(moments());
        let times = (moment(), moment(), moment());
        let rest = (
            prop::option::of(any::<u32>()),
            prop::option::of(numbers()),
            any::<bool>(),
            overrides(),
        );
        (prop::option::of(ids()), ids(), statuses(), times, rest).prop_map(
            |(id, tier, status, times, (seats, version, ends, overrides))| {
                let mut one = Subscription::new(Subject::user("ada"), tier, status);
                one.id = id.map(Into::into);
                (one.period_start, one.period_end, one.trial_end) = times;
                (one.seats, one.version, one.overrides) = (seats, version, overrides);
                if ends {
                    one.renewal = Renewal::EndsWithPeriod;
                }
                one
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]

        #[test]
        fn what_is_packed_is_unpacked_again(one in subscriptions(), label in any::<u16>()) {
            let room = if one.trial_end.is_some() { 32 } else { 40 };
            let is_odd = matches!(one.status, SubscriptionStatus::Other(_));
            let length = one.id.as_ref().map_or(0, |id| id.len());
            let packed = Terms::pack(&one);
            prop_assert_eq!(
                packed.is_some(),
                one.overrides.is_empty() && !is_odd && length <= room
            );
            if let Some(packed) = packed {
                let (again, same) = Terms::from_numbers(packed.into_numbers(label));
                prop_assert_eq!((again, same), (packed, label));
                prop_assert_eq!(again.version(), one.version);
                prop_assert_eq!(again.as_plain(&one.tier), one.as_plain());
                prop_assert_eq!(again.unpack(one.subject.clone(), &one.tier), one);
            }
        }
    }
}
