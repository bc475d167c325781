//! A folder in memory that loses its power, fails and stops on command.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;

use super::{Disk, DiskFile, Locking};

/// A folder. Clones are the same folder, for a test to look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    contents: Vec<Content>,
    plan: Plan,
    steps: u64,
    locked: bool,
    forgetful: Forgetful,
}

/// Whether the next sync fails as Linux lets one fail: what was to be written is taken for written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Forgetful {
    #[default]
    No,
    NextSync,
    /// Only what is written from now on is written by a sync.
    Clean {
        file: usize,
        synced: usize,
    },
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
}

/// What goes wrong. Steps are calls that change something, counted from 0 on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Plan {
    #[default]
    Nothing,
    /// These steps fail; of a write a part is written.
    Fail { from: u64, to: u64, error: Failure },
    /// The process ends at this step; of a write a part is written.
    Stop { at: u64 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    Full,
    Broken,
    ReadOnly,
}

impl Failure {
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Broken, Self::ReadOnly];

    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Full => 28,
            Self::Broken => 5,
            Self::ReadOnly => 30,
        })
    }
}

impl SimulatedDisk {
    pub(crate) fn plan(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// Fails from now on until told otherwise.
    pub(crate) fn fail(&self, error: Failure) {
        let mut state = self.state();
        let (from, to) = (state.steps, u64::MAX);
        state.plan = Plan::Fail { from, to, error };
    }

    /// The next sync fails, and leaves the system in the belief that everything is written.
    pub(crate) fn fail_next_sync_and_forget(&self) {
        self.state().forgetful = Forgetful::NextSync;
    }

    pub(crate) fn steps(&self) -> u64 {
        self.state().steps
    }

    /// The process has ended: nothing goes wrong any more, and nobody has the lock.
    pub(crate) fn restart(&self) {
        let mut state = self.state();
        state.plan = Plan::Nothing;
        state.locked = false;
    }

    /// The machine loses its power. Of what was not synced any part is there, or none.
    pub(crate) fn lose_power(&self, random: &mut Rng) {
        let mut state = self.state();
        let all: BTreeSet<String> = state
            .names
            .keys()
            .chain(state.durable_names.keys())
            .cloned()
            .collect();
        let mut names = BTreeMap::new();
        for name in all {
            let (now, durable) = (state.names.get(&name), state.durable_names.get(&name));
            let kept = if random.bool() { now } else { durable };
            names.extend(kept.map(|file| (name, *file)));
        }
        state.names = names.clone();
        state.durable_names = names;
        for content in &mut state.contents {
            let durable = content.durable.len();
            let now = content.now.len();
            let mut left = match random.u8(0..4) {
                0 => content.now.clone(),
                1 if now > durable => content.now[..random.usize(durable..=now)].to_vec(),
                2 if now > durable => {
                    // The length is there and some of the bytes are not.
                    let mut left = content.now.clone();
                    let hole = random.usize(durable..now);
                    let to = random.usize(hole..now);
                    left[hole..=to].fill(0);
                    left
                }
                _ => content.durable.clone(),
            };
            // What was synced is there in any case.
            if content.now.starts_with(&content.durable) && left.len() < durable {
                left.clone_from(&content.durable);
            }
            content.durable.clone_from(&left);
            content.now = left;
        }
        state.locked = false;
        state.plan = Plan::Nothing;
    }

    /// Whether a loss of power would take nothing of what is there.
    pub(crate) fn is_all_synced(&self) -> bool {
        let state = self.state();
        let segments = |names: &BTreeMap<String, usize>| -> Vec<(String, usize)> {
            let all = names.iter().map(|(name, file)| (name.clone(), *file));
            all.filter(|(name, _)| name.ends_with(".segment")).collect()
        };
        let there = segments(&state.names);
        let synced = |(_, file): &(String, usize)| {
            let content = &state.contents[*file];
            content.now == content.durable
        };
        let durable = segments(&state.durable_names);
        there
            .iter()
            .all(|file| synced(file) && durable.contains(file))
    }

    pub(crate) fn put(&self, name: &str, bytes: impl Into<Vec<u8>>) {
        let mut state = self.state();
        let bytes = bytes.into();
        let file = state.add(Content {
            durable: bytes.clone(),
            now: bytes,
        });
        state.names.insert(name.to_owned(), file);
        state.durable_names.insert(name.to_owned(), file);
    }

    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let file = state.names.get(name)?;
        Some(state.contents[*file].now.clone())
    }

    pub(crate) fn all_names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn handle(&self, file: usize) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile {
            disk: self.clone(),
            file,
        })
    }
}

impl State {
    fn add(&mut self, content: Content) -> usize {
        self.contents.push(content);
        self.contents.len() - 1
    }

    /// Takes a step, if it is one that works.
    fn step(&mut self) -> io::Result<()> {
        let step = self.steps;
        self.steps += 1;
        match self.plan {
            Plan::Fail { from, to, error } if (from..to).contains(&step) => Err(error.error()),
            Plan::Stop { at } if step >= at => Err(io::Error::other("the process has ended")),
            _ => Ok(()),
        }
    }

    fn has_ended(&self) -> bool {
        matches!(self.plan, Plan::Stop { at } if self.steps > at)
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        if self.has_ended() {
            return Err(io::Error::other("the process has ended"));
        }
        let file = self.names.get(name).copied();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimulatedDisk {
    fn lock(&self) -> io::Result<Locking> {
        let mut state = self.state();
        if state.locked {
            return Ok(Locking::Taken);
        }
        state.locked = true;
        Ok(Locking::Held(
            Box::new(Lock(self.clone())) as Box<dyn Any + Send>
        ))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.all_names())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.step()?;
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.add(Content::default());
        state.names.insert(name.to_owned(), file);
        Ok(self.handle(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.state().file(name)?;
        Ok(self.handle(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        let file = state.file(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.file(name)?;
        state.step()?;
        state.names.remove(name);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.durable_names = state.names.clone();
        Ok(())
    }
}

#[derive(Debug)]
struct Lock(SimulatedDisk);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl DiskFile for SimulatedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.state().contents[self.file].now.len() as u64)
    }

    fn read_at(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>> {
        let state = self.disk.state();
        let bytes = &state.contents[self.file].now;
        let from = bytes.len().min(usize::try_from(offset).unwrap());
        let to = bytes.len().min(from.saturating_add(most));
        Ok(bytes[from..to].to_vec())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let ended_before = state.has_ended();
        let step = state.step();
        let part = match &step {
            Ok(()) => bytes.len(),
            Err(_) if ended_before => 0,
            // Different each time, and the same in each run.
            Err(_) => usize::try_from(state.steps * 37).unwrap() % (bytes.len() + 1),
        };
        let content = &mut state.contents[self.file].now;
        let offset = usize::try_from(offset).unwrap();
        if content.len() < offset + part {
            content.resize(offset + part, 0);
        }
        content[offset..offset + part].copy_from_slice(&bytes[..part]);
        // What is written again is not taken for written any more.
        if matches!(state.forgetful, Forgetful::Clean { file, synced } if file == self.file && offset <= synced)
        {
            state.forgetful = Forgetful::No;
        }
        step
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        let len = usize::try_from(len).unwrap();
        state.contents[self.file].now.resize(len, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        let forgetful = state.forgetful;
        let content = &mut state.contents[self.file];
        match forgetful {
            Forgetful::NextSync => {
                let synced = content.durable.len();
                let file = self.file;
                state.forgetful = Forgetful::Clean { file, synced };
                return Err(Failure::Broken.error());
            }
            Forgetful::Clean { file, .. } if file == self.file => {}
            Forgetful::No | Forgetful::Clean { .. } => content.durable.clone_from(&content.now),
        }
        Ok(())
    }
}
