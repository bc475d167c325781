use std::borrow::Cow;
use std::sync::Arc;

use super::fault::{CatalogError, Count, Fault, FaultKind};
use super::nearest::{self, Budget};
use super::source::{Place, Source, Span};
use super::words::listing;

/// Everything found wrong so far. Checks go on after a fault, so that all are told at once.
#[derive(Debug)]
pub(super) struct Faults {
    source: Option<Arc<Source>>,
    list: Vec<Fault>,
    count: Count,
    budget: Budget,
}

impl Faults {
    /// Of what was read from a text.
    pub(super) fn of(source: Arc<Source>) -> Self {
        Self {
            source: Some(source),
            ..Self::in_code()
        }
    }

    /// Of what was given in code.
    pub(super) fn in_code() -> Self {
        Self {
            source: None,
            list: Vec::new(),
            count: Count::All,
            budget: Budget::new(),
        }
    }

    pub(super) fn add<'m, 'h>(
        &mut self,
        kind: FaultKind,
        at: Option<Span>,
        message: impl Into<Cow<'m, str>>,
        help: impl Into<Cow<'h, str>>,
    ) {
        self.add_second(kind, at, None, message, help);
    }

    /// Adds a fault about the second of two that are the same, where the first is.
    pub(super) fn add_second<'m, 'h>(
        &mut self,
        kind: FaultKind,
        at: Option<Span>,
        first: Option<Span>,
        message: impl Into<Cow<'m, str>>,
        help: impl Into<Cow<'h, str>>,
    ) {
        self.keep(kind, at, first, message.into(), help.into());
    }

    fn keep(
        &mut self,
        kind: FaultKind,
        at: Option<Span>,
        first: Option<Span>,
        message: Cow<'_, str>,
        help: Cow<'_, str>,
    ) {
        if self.is_full() {
            self.count = Count::Cut;
            return;
        }
        self.list.push(Fault {
            kind,
            message: message.into(),
            help: help.into(),
            place: self.place(at),
            first: self.place(first),
        });
    }

    fn place(&self, span: Option<Span>) -> Option<Place> {
        Some(Place::new(self.source.as_ref()?, span?))
    }

    /// Whether another fault would not be kept. What loops over input may then stop.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= CatalogError::MAX_FAULTS
    }

    /// How many there are so far.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The known name that was probably meant.
    pub(super) fn nearest<'a>(&mut self, name: &str, known: &[&'a str]) -> Option<&'a str> {
        nearest::nearest(name, known, &mut self.budget)
    }

    /// The help for an unknown name: the nearest known one, or what there is.
    pub(super) fn suggest(&mut self, name: &str, what: &str, known: &[&str]) -> String {
        if let Some(near) = self.nearest(name, known) {
            return format!("did you mean `{near}`?");
        }
        match listing(known, "and") {
            none if none.is_empty() => format!("there are no {what} to choose from"),
            listing => format!("the {what} are {listing}"),
        }
    }

    /// Nothing, if nothing was found wrong.
    ///
    /// # Errors
    ///
    /// All of it otherwise.
    pub(super) fn finish(self) -> Result<(), CatalogError> {
        if self.list.is_empty() {
            return Ok(());
        }
        Err(self.into_error())
    }

    /// All that was found wrong, which must be something.
    pub(super) fn into_error(self) -> CatalogError {
        // Whoever mends a file goes through it from top to bottom.
        // By the byte: telling the column of each would count the characters of a line of any length.
        let start = |fault: &Fault| fault.place.as_ref().map_or(usize::MAX, Place::start);
        let mut sorted: Vec<Fault> = Vec::with_capacity(self.list.len());
        for fault in self.list {
            let at = sorted.partition_point(|other| start(other) <= start(&fault));
            sorted.insert(at, fault);
        }
        let origin = self.source.map(|source| source.name().into());
        CatalogError::new(sorted, origin, self.count)
    }

    /// All that was found wrong, where nothing may be, and whether that is all.
    pub(super) fn into_list(self) -> (Vec<Fault>, Count) {
        (self.list, self.count)
    }
}
