//! Where cargo put what runs here.

use std::env;
use std::path::{Path, PathBuf};

/// The folders of this test's build.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The target folder.
    pub(crate) folder: PathBuf,
    /// The folder of the profile: where programs are.
    pub(crate) programs: PathBuf,
    /// The profile, by the name that cargo takes.
    pub(crate) profile: String,
    /// The platform that was built for, if it was named.
    pub(crate) platform: Option<String>,
}

impl Target {
    /// That of the test that runs. A test is at `target/[platform/]profile/deps/name`.
    ///
    /// # Panics
    ///
    /// When it does not run where cargo put it.
    pub(crate) fn of_this_test() -> Self {
        let test = env::current_exe().expect("the system knows what it runs");
        Self::of(&test).unwrap_or_else(|| {
            panic!(
                "{} is not in a target folder: run the tests with cargo test",
                test.display()
            )
        })
    }

    fn of(test: &Path) -> Option<Self> {
        let programs = test
            .parent()
            .filter(|folder| folder.ends_with("deps"))?
            .parent()?;
        let folder = programs
            .ancestors()
            .skip(1)
            .find(|folder| folder.join(".rustc_info.json").exists())?;
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let profile = match name(programs)?.as_str() {
            "debug" => "dev".to_owned(),
            other => other.to_owned(),
        };
        let above = programs.parent()?;
        Some(Self {
            folder: folder.to_owned(),
            programs: programs.to_owned(),
            profile,
            platform: if above == folder { None } else { name(above) },
        })
    }
}
