//! The records that will never be delivered, for people to look at.

use std::io;

use super::disk::{Disk, DiskFile};

pub(crate) const NAME: &str = "rejected.jsonl";
pub(crate) const OLD_NAME: &str = "rejected.old.jsonl";

/// Writes lines behind those that are there, durably.
///
/// The file has a bound. When it is reached, it takes the place of an older one, which is lost, and a
/// new one is begun: so between one and two times `most` bytes of the newest lines are kept.
pub(crate) fn append(disk: &dyn Disk, lines: &[u8], most: u64) -> io::Result<()> {
    let added = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let (mut file, len, folder) = match disk.open(NAME) {
        Ok(file) => {
            let len = file.len()?;
            if len > 0 && len.saturating_add(added) > most {
                drop(file);
                disk.rename(NAME, OLD_NAME)?;
                (disk.create(NAME)?, 0, Folder::Changed)
            } else {
                (file, len, Folder::AsBefore)
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            (disk.create(NAME)?, 0, Folder::Changed)
        }
        Err(error) => return Err(error),
    };
    let written = write(&mut *file, len, lines);
    if written.is_err() {
        // A part of a line would spoil the next. If this fails too, the next attempt ends that line.
        let _ = file.truncate(len);
    }
    written?;
    match folder {
        Folder::Changed => disk.sync_folder(),
        Folder::AsBefore => Ok(()),
    }
}

enum Folder {
    Changed,
    AsBefore,
}

fn write(file: &mut dyn DiskFile, len: u64, lines: &[u8]) -> io::Result<()> {
    let last = match len.checked_sub(1) {
        Some(last) => file.read_at(last, 1)?,
        None => vec![b'\n'],
    };
    let at = if last == *b"\n" {
        len
    } else {
        // A crash left a part of a line.
        file.write_at(len, b"\n")?;
        len.saturating_add(1)
    };
    file.write_at(at, lines)?;
    file.sync()
}
