//! What is measured: services that are each asked the same.

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::requests::{App, Callers, Signed, Truth, hold_to_truth, of_many, of_one};
use crate::world::World;

/// One way to guard a service.
pub(crate) struct Column<'a> {
    pub(crate) name: &'static str,
    /// The name of the layer that does nothing in the same place, if it can be compared with that.
    pub(crate) beside: Option<&'static str>,
    pub(crate) work: Box<dyn FnMut(u64) + 'a>,
}

/// The columns of one table.
pub(crate) struct Columns<'a> {
    pub(crate) world: &'a World,
    callers: &'a Callers,
    pub(crate) all: Vec<Column<'a>>,
}

/// The service that is guarded.
pub(crate) fn app() -> Router {
    let app = Router::new().route("/", get(async || "ok"));
    // As every server does before it serves: axum otherwise makes its routes anew for each request, and
    // their layers too.
    app.with_state(())
}

/// Everybody is let through.
pub(crate) const EVERYBODY: Truth = |_| StatusCode::OK;
/// Everybody who pays.
pub(crate) const WHO_PAYS: Truth = |tier| match tier {
    "free" => StatusCode::FORBIDDEN,
    _ => StatusCode::OK,
};

impl<'a> Columns<'a> {
    pub(crate) fn new(world: &'a World, callers: &'a Callers) -> Self {
        Self {
            world,
            callers,
            all: Vec::new(),
        }
    }

    /// Adds a way that lets all of the many through, once it has answered one of each tier rightly.
    pub(crate) fn allowed(
        &mut self,
        name: &'static str,
        beside: Option<&'static str>,
        signed: Signed,
        mut app: impl App + 'a,
        truth: Truth,
    ) {
        hold_to_truth(self.world, name, &mut app, signed, truth);
        let work = of_many(self.world, self.callers, app, signed, StatusCode::OK);
        self.push(name, beside, work);
    }

    /// Has a service answer one subscriber once, so that the next is answered otherwise.
    pub(crate) fn first(&self, app: impl App + 'a, id: &'static str) {
        let mut once = of_one(self.world, app, id, Signed::Principal, StatusCode::OK);
        once(1);
    }

    /// Adds a way that answers one subscriber always the same.
    pub(crate) fn of_one(
        &mut self,
        name: &'static str,
        app: impl App + 'a,
        id: &'static str,
        signed: Signed,
        expected: StatusCode,
    ) {
        let work = of_one(self.world, app, id, signed, expected);
        self.push(name, None, work);
    }

    fn push(
        &mut self,
        name: &'static str,
        beside: Option<&'static str>,
        work: impl FnMut(u64) + 'a,
    ) {
        self.all.push(Column {
            name,
            beside,
            work: Box::new(work),
        });
    }
}
