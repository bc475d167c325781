//! What can become of an account.

use proptest::prelude::*;

/// Something that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Wait(u32),
    SetPrice(usize),
    SetQuantity(u64),
    SetDiscount(Option<u8>),
    SetNote(Option<u8>),
    ToggleCancel,
    CancelNow,
    EndPeriod,
    TellTrialEnds,
    Pay(u8),
    Fail(u8),
    Void(u8),
    GiveUp(u8),
    SubscribeAgain,
    PayOnce,
}

/// How a payment and its invoice name each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Both,
    ByInvoice,
    ByPayment,
    Neither,
}

/// Who it belongs to, in the words of the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    User,
    Organization,
    /// Somebody who buys for their organization.
    Both,
}

/// In which versions of the API its events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versions {
    Old,
    New,
    /// Now the one and now the other, but one of them within a second.
    Mixed,
}

/// How an account begins and what becomes of it.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) owner: Owner,
    pub(crate) link: Link,
    pub(crate) versions: Versions,
    pub(crate) start: Start,
    pub(crate) actions: Vec<Action>,
    pub(crate) seed: u64,
}

/// How a subscription begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Incomplete,
    Trialing,
    Active,
}

pub(crate) fn stories() -> impl Strategy<Value = Story> {
    let owner = prop_oneof![
        Just(Owner::User),
        Just(Owner::Organization),
        Just(Owner::Both)
    ];
    let link = prop_oneof![
        Just(Link::Both),
        Just(Link::ByInvoice),
        Just(Link::ByPayment),
        Just(Link::Neither)
    ];
    let versions = prop_oneof![
        Just(Versions::Old),
        Just(Versions::New),
        Just(Versions::Mixed)
    ];
    let actions = prop::collection::vec(action(), 0..14);
    (owner, link, versions, start(), actions, any::<u64>()).prop_map(
        |(owner, link, versions, start, actions, seed)| Story {
            owner,
            link,
            versions,
            start,
            actions,
            seed,
        },
    )
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        1 => Just(Start::Incomplete),
        2 => Just(Start::Trialing),
        2 => Just(Start::Active)
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let which = || prop_oneof![4 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    let wait = prop_oneof![Just(1), Just(60), Just(3_600), Just(86_400 * 3)];
    prop_oneof![
        5 => wait.prop_map(Action::Wait),
        4 => (0_usize..6).prop_map(Action::SetPrice),
        3 => (1_u64..12).prop_map(Action::SetQuantity),
        1 => prop::option::of(1_u8..100).prop_map(Action::SetDiscount),
        1 => prop::option::of(0_u8..3).prop_map(Action::SetNote),
        3 => Just(Action::ToggleCancel),
        1 => Just(Action::CancelNow),
        5 => Just(Action::EndPeriod),
        1 => Just(Action::TellTrialEnds),
        4 => which().prop_map(Action::Pay),
        4 => which().prop_map(Action::Fail),
        1 => which().prop_map(Action::Void),
        1 => which().prop_map(Action::GiveUp),
        3 => Just(Action::SubscribeAgain),
        1 => Just(Action::PayOnce),
    ]
}
