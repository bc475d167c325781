//! The few things that a journal does to a folder, so that tests can let each of them fail.

mod real;
#[cfg(test)]
pub(crate) mod simulated;

use std::any::Any;
use std::fmt::Debug;
use std::io;

pub(crate) use real::RealDisk;

/// Whether what is written is to survive the loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// It is synced before the call ends.
    Synced,
    /// The operating system writes it when it likes.
    Unsynced,
}

/// What became of an attempt to lock a folder.
#[derive(Debug)]
pub(crate) enum Locking {
    /// It is locked until this is dropped, or the process ends.
    Held(Box<dyn Any + Send>),
    /// Somebody else has it.
    Taken,
}

/// One folder. Names are those of files in it.
pub(crate) trait Disk: Debug + Send {
    fn lock(&self) -> io::Result<Locking>;

    fn names(&self) -> io::Result<Vec<String>>;

    /// A new file; fails with `AlreadyExists` when there is one of that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// A file that is there, to be read and written.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Replaces `to` if it is there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which names there are.
    fn sync_folder(&self) -> io::Result<()>;
}

/// One open file.
pub(crate) trait DiskFile: Debug + Send {
    fn len(&self) -> io::Result<u64>;

    /// The bytes from `offset` on: `most` of them, or fewer when the file ends before.
    fn read_at(&mut self, offset: u64, most: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes`, or fails with a part of them written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Makes the content durable, and the length.
    fn sync(&mut self) -> io::Result<()>;
}

/// Removes a file, if it is there.
pub(crate) fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
