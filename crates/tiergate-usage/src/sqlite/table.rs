//! Rows of one table that a batch works on.

use std::collections::HashMap;
use std::hash::Hash;

/// What a batch has read of a table, and what it has changed of that.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    rows: HashMap<K, Row<V>, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Row<V> {
    // None when it is not there, or not any more.
    value: Option<V>,
    origin: Origin,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Stored,
    New,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unchanged,
    Changed,
}

/// What has to be written of a row.
#[derive(Debug)]
pub(super) enum Change<'a, K, V> {
    Put(&'a K, &'a V),
    Delete(&'a K),
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: HashMap::default(),
        }
    }
}

impl<K: Eq + Hash, V> Table<K, V> {
    /// Notes a row that was read. What is known of it already stays.
    pub(super) fn load(&mut self, key: K, value: V) {
        self.rows.entry(key).or_insert(Row {
            value: Some(value),
            origin: Origin::Stored,
            state: State::Unchanged,
        });
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)?.value.as_ref()
    }

    /// A row, for what changes nothing that has to be written.
    pub(super) fn look_at(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(key)?.value.as_mut()
    }

    /// A row that will be written.
    pub(super) fn change(&mut self, key: &K) -> Option<&mut V> {
        let row = self.rows.get_mut(key)?;
        row.state = State::Changed;
        row.value.as_mut()
    }

    /// A row that will be written, made if it is not there.
    pub(super) fn change_or_put(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V
    where
        K: Clone,
    {
        let row = self.rows.entry(key.clone()).or_insert(Row {
            value: None,
            origin: Origin::New,
            state: State::Changed,
        });
        row.state = State::Changed;
        row.value.get_or_insert_with(make)
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let row = self.rows.entry(key).or_insert(Row {
            value: None,
            origin: Origin::New,
            state: State::Changed,
        });
        row.state = State::Changed;
        row.value = Some(value);
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let row = self.rows.get_mut(key)?;
        row.state = State::Changed;
        row.value.take()
    }

    /// All rows that are there.
    pub(super) fn rows_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        let rows = self.rows.iter_mut();
        rows.filter_map(|(key, row)| Some((key, row.value.as_mut()?)))
    }

    /// Whether anything has to be written.
    pub(super) fn is_changed(&self) -> bool {
        self.changes().next().is_some()
    }

    pub(super) fn changes(&self) -> impl Iterator<Item = Change<'_, K, V>> {
        self.rows.iter().filter_map(|(key, row)| match row {
            Row {
                state: State::Unchanged,
                ..
            } => None,
            Row {
                value: Some(value), ..
            } => Some(Change::Put(key, value)),
            Row {
                origin: Origin::Stored,
                ..
            } => Some(Change::Delete(key)),
            Row { .. } => None,
        })
    }

    /// How many rows are new, less those that are gone.
    pub(super) fn growth(&self) -> i64 {
        let of_row = |row: &Row<V>| match (row.origin, &row.value) {
            (Origin::New, Some(_)) => 1,
            (Origin::Stored, None) => -1,
            (Origin::New, None) | (Origin::Stored, Some(_)) => 0,
        };
        self.rows.values().map(of_row).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table<u8, char>) -> (Vec<(u8, char)>, Vec<u8>) {
        let (mut puts, mut deletes) = (Vec::new(), Vec::new());
        for change in table.changes() {
            match change {
                Change::Put(key, value) => puts.push((*key, *value)),
                Change::Delete(key) => deletes.push(*key),
            }
        }
        puts.sort_unstable();
        (puts, deletes)
    }

    #[test]
    fn only_what_differs_from_the_file_is_written() {
        let mut table = Table::default();
        for (key, value) in [(1, 'a'), (2, 'b'), (3, 'c')] {
            table.load(key, value);
        }
        *table.look_at(&1).unwrap() = 'x';
        *table.change(&2).unwrap() = 'y';
        table.remove(&3);
        table.put(4, 'd');
        table.put(5, 'e');
        table.remove(&5);
        assert_eq!(written(&table), (vec![(2, 'y'), (4, 'd')], vec![3]));
        assert_eq!(table.growth(), 0);
        table.load(4, 'z');
        assert_eq!(table.get(&4), Some(&'d'), "what is newer stays");
    }
}
