use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::auth::{Caller, Role};

/// How many streams one user may have: a few devices with a few windows. Each holds a connection, so
/// without it one user could keep everybody else out.
pub(crate) const MOST_OF_ONE_USER: usize = 16;

/// How many streams there may be. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    shared: Arc<Mutex<Taken>>,
    most: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Users with at least one; so there are never more entries than streams.
    of_users: HashMap<String, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All of them are taken.
    Full,
    /// The user has as many as one may have.
    TooManyOfOne,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    user: Option<String>,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shared: Arc::default(),
            most,
        }
    }

    /// Takes a place. The operator's services and people may have any number of them.
    pub(crate) fn take(&self, caller: &Caller) -> Result<Place, NoPlace> {
        let operator = caller.is(Role::Admin) || caller.is(Role::Service);
        let user = (!operator).then(|| caller.id.clone());
        let mut taken = self.taken();
        if taken.all >= self.most {
            return Err(NoPlace::Full);
        }
        if let Some(user) = &user {
            let theirs = taken.of_users.get(user).copied().unwrap_or_default();
            if theirs >= MOST_OF_ONE_USER {
                return Err(NoPlace::TooManyOfOne);
            }
            taken.of_users.insert(user.clone(), theirs + 1);
        }
        taken.all += 1;
        drop(taken);
        Ok(Place {
            places: self.clone(),
            user,
        })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all = taken.all.saturating_sub(1);
        let Some(user) = &self.user else {
            return;
        };
        if let Some(theirs) = taken.of_users.get_mut(user) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                taken.of_users.remove(user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{operator, user};

    #[test]
    fn one_user_cannot_take_every_place() {
        let places = Places::new(MOST_OF_ONE_USER + 2);
        let mut ada: Vec<_> = (0..MOST_OF_ONE_USER)
            .map(|_| places.take(&user("ada")).unwrap())
            .collect();
        let refused = places.take(&user("ada")).unwrap_err();
        assert_eq!(refused, NoPlace::TooManyOfOne);
        let _others = [
            places.take(&user("bob")).unwrap(),
            places.take(&operator("ada", Role::Service)).unwrap(),
        ];
        let refused = places.take(&user("cleo")).unwrap_err();
        assert_eq!(refused, NoPlace::Full);
        ada.pop();
        ada.push(places.take(&user("ada")).unwrap());
        ada.clear();
        assert!(!places.taken().of_users.contains_key("ada"));
        assert_eq!(places.taken().all, 2);
    }
}
