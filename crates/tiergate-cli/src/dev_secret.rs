//! The secret of a service that nobody gave one, so that the first steps need no setting.
//!
//! It is kept in a file beside the database, which only its owner may read. It is made once: from then
//! on, tokens stay valid over restarts.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use crate::settings::{DevelopmentSecret, MAX_BYTES, MIN_SECRET_BYTES, Problem, echo};

/// What the file is called.
pub(crate) const FILE_NAME: &str = "tiergate-dev.secret";

/// As much randomness as HS256 can use.
const RANDOM_BYTES: usize = 32;

/// Why a secret could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DevSecretError {
    #[error("the operating system gave no randomness for a development secret: {0}")]
    Randomness(getrandom::Error),
    #[error(
        "the development secret {} cannot be written: {source}\n    give this program the right to \
         write there, or set TIERGATE_JWT_SECRET",
        echo(&path.display().to_string())
    )]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "another program made the development secret {} at the same moment, and it {}\n    {}",
        echo(&path.display().to_string()),
        problem.what,
        problem.remedy
    )]
    Other { path: PathBuf, problem: Problem },
}

/// A secret, and whether it is new.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It was there.
    Found(SecretString),
    /// It was made now. Whoever started the program is told, this once.
    Made(SecretString),
}

/// The secret that a file holds; none when there is no file.
pub(crate) fn find(path: &Path) -> Result<Option<SecretString>, Problem> {
    let shown = echo(&path.display().to_string());
    let unreadable = |error: &io::Error| {
        Problem::new(
            format!("the development secret {shown} cannot be read: {error}"),
            "give this program the right to read it, or set TIERGATE_JWT_SECRET",
        )
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    refuse_if_others_can_read(&file, &shown).map_err(|error| match error {
        Unsafe::Io(error) => unreadable(&error),
        Unsafe::Mode(problem) => problem,
    })?;
    let mut text = Zeroizing::new(String::new());
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    io::Read::by_ref(&mut file)
        .take(most)
        .read_to_string(&mut text)
        .map_err(|error| unreadable(&error))?;
    let text = text.trim();
    if text.len() < MIN_SECRET_BYTES {
        return Err(Problem::new(
            format!("the development secret {shown} is shorter than {MIN_SECRET_BYTES} bytes"),
            "delete the file: another is made in its place, and tokens signed with it end",
        ));
    }
    Ok(Some(SecretString::from(text)))
}

/// Gives the secret, and makes it if there is none.
pub(crate) fn open(secret: DevelopmentSecret) -> Result<Opened, DevSecretError> {
    let DevelopmentSecret { path, found } = secret;
    if let Some(found) = found {
        return Ok(Opened::Found(found));
    }
    let made = generate()?;
    let failed = |source| DevSecretError::Write {
        path: path.clone(),
        source,
    };
    match write_new(&path, &made) {
        Ok(()) => Ok(Opened::Made(made)),
        // Another program was faster. Its secret is as good, and there must be one only.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => match find(&path) {
            Ok(Some(found)) => Ok(Opened::Found(found)),
            Ok(None) => Err(failed(error)),
            Err(problem) => Err(DevSecretError::Other { path, problem }),
        },
        Err(error) => Err(failed(error)),
    }
}

fn generate() -> Result<SecretString, DevSecretError> {
    let mut bytes = Zeroizing::new([0_u8; RANDOM_BYTES]);
    getrandom::fill(bytes.as_mut_slice()).map_err(DevSecretError::Randomness)?;
    // Room for all of it, so that no copy is left behind by growing.
    let mut text = String::with_capacity(RANDOM_BYTES * 2);
    for byte in bytes.iter() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(SecretString::from(text))
}

/// Writes a file as a whole or not at all, and never over another. Only its owner may read it from the
/// first moment on: that is how temporary files are made.
fn write_new(path: &Path, secret: &SecretString) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new()
        .prefix(".tiergate-dev-")
        .tempfile_in(folder)?;
    writeln!(file, "{}", secret.expose_secret())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

enum Unsafe {
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only Unix has modes to be read")
    )]
    Io(io::Error),
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only Unix has modes to be refused")
    )]
    Mode(Problem),
}

/// Whoever reads the secret can sign tokens for everybody.
#[cfg(unix)]
fn refuse_if_others_can_read(file: &File, shown: &str) -> Result<(), Unsafe> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = file.metadata().map_err(Unsafe::Io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Unsafe::Mode(Problem::new(
            format!(
                "the development secret {shown} can be read by others (mode {:03o})",
                mode & 0o777
            ),
            format!("`chmod 600 {shown}`, or delete it: another is made in its place"),
        )));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_if_others_can_read(_file: &File, _shown: &str) -> Result<(), Unsafe> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn missing(folder: &TempDir) -> DevelopmentSecret {
        DevelopmentSecret {
            path: folder.path().join(FILE_NAME),
            found: None,
        }
    }

    fn text(opened: Opened) -> String {
        match opened {
            Opened::Found(secret) | Opened::Made(secret) => secret.expose_secret().to_owned(),
        }
    }

    #[test]
    fn a_secret_is_made_once_and_found_again() {
        let folder = TempDir::new().unwrap();
        let made = open(missing(&folder)).unwrap();
        assert!(matches!(made, Opened::Made(_)));
        let made = text(made);
        assert_eq!(made.len(), RANDOM_BYTES * 2);
        let found = find(&folder.path().join(FILE_NAME)).unwrap().unwrap();
        assert_eq!(found.expose_secret(), made);
        // Nothing is left of how it was written.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn two_that_make_one_at_once_end_with_the_same() {
        let folder = TempDir::new().unwrap();
        let secrets: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| text(open(missing(&folder)).unwrap())))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }

    #[test]
    fn two_secrets_differ() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one.expose_secret(), other.expose_secret());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it_and_what_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = TempDir::new().unwrap();
        let path = folder.path().join(FILE_NAME);
        let secret = text(open(missing(&folder)).unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let problem = find(&path).unwrap_err();
        assert!(problem.what.contains("mode 640"), "{problem:?}");
        assert!(problem.remedy.contains("chmod 600"), "{problem:?}");
        assert!(!format!("{problem:?}").contains(&secret));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_no_secret_is_refused_and_kept() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = TempDir::new().unwrap();
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, "short\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(find(&path).unwrap_err().what.contains("shorter"));
        assert!(matches!(
            open(missing(&folder)),
            Err(DevSecretError::Other { .. })
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"short\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let secret = DevelopmentSecret {
            path: "/nowhere/at/all/tiergate-dev.secret".into(),
            found: None,
        };
        let error = open(secret).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
        assert!(error.contains("TIERGATE_JWT_SECRET"), "{error}");
    }
}
