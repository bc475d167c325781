//! What takes long to make and does not change, kept in the target folder until `cargo clean`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::target::Target;
use crate::waiting::eventually_in;

/// The longest that one test program waits for another that makes the same.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The file that says that everything is there.
const COMPLETE: &str = ".complete";

/// A folder that `make` fills, unless it was filled before for the same `key`. One that makes it lets
/// all others wait, in whatever process they are; what was left unfinished is made anew.
pub(crate) async fn cached<M>(name: &str, key: &str, make: M) -> Result<PathBuf, String>
where
    M: AsyncFnOnce(&Path) -> Result<(), String>,
{
    let hash: String = Sha256::digest(key)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let target = Target::of_this_test().folder;
    let folder = target.join("tests-cache").join(format!("{name}-{hash}"));
    fs::create_dir_all(&folder).expect("the target folder is cargo's to write");
    // Beside the folder, so that it stays while the folder is made anew. The system unlocks it with
    // the end of the process that locked it.
    let lock = File::create(folder.with_extension("lock")).expect("the folder is there");
    let what = format!("the making of {name} by another test");
    eventually_in(PATIENCE, &what, || lock.try_lock().is_ok()).await;
    if !folder.join(COMPLETE).exists() {
        fs::remove_dir_all(&folder).expect("the folder is there");
        fs::create_dir_all(&folder).expect("its parent is there");
        make(&folder).await?;
        File::create(folder.join(COMPLETE)).expect("the folder is there");
    }
    Ok(folder)
}
