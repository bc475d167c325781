//! How far the records of a journal are delivered.

use std::io;

use super::disk::{Care, Disk, remove_if_there};
use super::header::{self, FileKind, HEADER_BYTES, HeaderFault};
use super::segment::MAX_SEQUENCE;

pub(crate) const NAME: &str = "delivered";
pub(crate) const NEW_NAME: &str = "delivered.new";

/// What a folder says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: no record was ever delivered.
    Nothing,
    /// The sequence of the first record that is not known to be delivered.
    At(u64),
    /// It cannot be read. What is there is delivered again, under the same ids.
    Damaged,
    /// A later version wrote it.
    UnknownVersion(u32),
}

pub(crate) fn read(disk: &dyn Disk) -> io::Result<Found> {
    let mut file = match disk.open(NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        opened => opened?,
    };
    let bytes = file.read_at(0, HEADER_BYTES)?;
    Ok(match header::decode(FileKind::Cursor, &bytes) {
        Ok(sequence) if sequence <= MAX_SEQUENCE => Found::At(sequence),
        Ok(_) | Err(HeaderFault::Torn | HeaderFault::Damaged) => Found::Damaged,
        Err(HeaderFault::UnknownVersion(version)) => Found::UnknownVersion(version),
    })
}

/// Replaces what the folder says, in one step.
pub(crate) fn write(disk: &dyn Disk, sequence: u64, care: Care) -> io::Result<()> {
    remove_if_there(disk, NEW_NAME)?;
    let mut file = disk.create(NEW_NAME)?;
    file.write_at(0, &header::encode(FileKind::Cursor, sequence))?;
    if care == Care::Synced {
        file.sync()?;
    }
    drop(file);
    disk.rename(NEW_NAME, NAME)?;
    if care == Care::Synced {
        disk.sync_folder()?;
    }
    Ok(())
}
