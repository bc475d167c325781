use std::fmt;

use axum::http::Method;

/// A method of a path, and what guards it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteEntry {
    method: RouteMethod,
    path: String,
    guard: RouteGuard,
    origin: Origin,
}

/// The method of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteMethod {
    /// This one.
    Only(Method),
    /// Every method that the path has no entry of its own for.
    Any,
}

/// What stands between a request and a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteGuard {
    /// All of these guards, in the order in which they are asked.
    Guarded(Vec<String>),
    /// None, on purpose.
    Public {
        /// Why none is needed.
        reason: String,
    },
    /// None, and nobody said why.
    Unguarded,
}

/// Whether a route was added, or is there because axum serves `HEAD` by the handler of `GET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Added,
    Implied,
}

impl RouteEntry {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &RouteMethod {
        &self.method
    }

    /// The path, with the names of its parameters, from the root of the router.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What guards it.
    #[must_use]
    pub fn guard(&self) -> &RouteGuard {
        &self.guard
    }
}

impl RouteGuard {
    /// Puts one more guard in front.
    pub(super) fn guard_by(&mut self, words: &str) {
        match self {
            Self::Guarded(all) => all.insert(0, words.to_owned()),
            Self::Public { .. } | Self::Unguarded => *self = Self::Guarded(vec![words.to_owned()]),
        }
    }
}

impl fmt::Display for RouteMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Only(method) => method.as_str(),
            Self::Any => "ANY",
        })
    }
}

impl fmt::Display for RouteGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guarded(all) => f.write_str(&all.join(" + ")),
            Self::Public { reason } => write!(f, "public: {reason}"),
            Self::Unguarded => f.write_str("UNGUARDED"),
        }
    }
}

/// Every route of a router, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteList(Vec<RouteEntry>);

impl RouteList {
    pub(super) fn entries(&self) -> &[RouteEntry] {
        &self.0
    }

    pub(super) fn add(&mut self, path: &str, method: RouteMethod, guard: RouteGuard) {
        let head = RouteMethod::Only(Method::HEAD);
        let serves_head = if method == head {
            self.0.retain(|entry| {
                entry.origin == Origin::Added || entry.path != path || entry.method != head
            });
            false
        } else {
            method == RouteMethod::Only(Method::GET)
                && !self
                    .0
                    .iter()
                    .any(|entry| entry.path == path && entry.method == head)
        };
        let implied = serves_head.then(|| RouteEntry {
            method: head,
            path: path.to_owned(),
            guard: guard.clone(),
            origin: Origin::Implied,
        });
        self.0.push(RouteEntry {
            method,
            path: path.to_owned(),
            guard,
            origin: Origin::Added,
        });
        self.0.extend(implied);
    }

    /// Adds the routes of another list, whose paths `place` moves to where they are served.
    pub(super) fn add_all(&mut self, other: Self, place: impl Fn(&str) -> String) {
        for entry in other.0 {
            if entry.origin == Origin::Added {
                self.add(&place(&entry.path), entry.method, entry.guard);
            }
        }
    }

    pub(super) fn guard_all(&mut self, words: &str) {
        for entry in &mut self.0 {
            entry.guard.guard_by(words);
        }
    }
}

/// An aligned table.
impl fmt::Display for RouteList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&RouteEntry) -> usize, title: &str| {
            let widest = self.0.iter().map(text).max();
            widest.unwrap_or_default().max(title.len())
        };
        let methods = width(|entry| entry.method.to_string().len(), "METHOD");
        let paths = width(|entry| entry.path.chars().count(), "PATH");
        write!(f, "{:methods$}  {:paths$}  GUARD", "METHOD", "PATH")?;
        for entry in &self.0 {
            write!(
                f,
                "\n{:methods$}  {:paths$}  {}",
                entry.method, entry.path, entry.guard
            )?;
        }
        Ok(())
    }
}
