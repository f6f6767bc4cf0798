//! Directories: made and removed.

use std::io;
use std::path::Path;

use super::blocking::blocking;
use crate::op;

/// Makes a directory, of which the parent has to be there. By [`op::mkdirat`]; since Linux 5.15.
///
/// # Errors
///
/// Those of [`std::fs::create_dir`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the directory may or may not have been made.
///
/// # Examples
///
/// See [`DirBuilder`].
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    DirBuilder::new().create(path).await
}

/// Makes a directory, and those above it that are missing. By [`op::mkdirat`]; since Linux 5.15.
///
/// # Errors
///
/// Those of [`std::fs::create_dir_all`]; some of the directories may have been made.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, some of the directories may have been made.
///
/// # Examples
///
/// See [`remove_dir_all`].
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(path).await
}

/// Removes a directory, which has to be empty. By [`op::unlinkat`]; since Linux 5.11.
///
/// # Errors
///
/// Those of [`std::fs::remove_dir`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the directory may or may not be there.
///
/// # Examples
///
/// See [`DirBuilder`].
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    op::unlinkat(None, path, libc::AT_REMOVEDIR).await
}

/// Removes a directory with all that is in it. On a thread for blocking work.
///
/// Symbolic links are removed and not followed, also if somebody puts them there meanwhile; see
/// [`std::fs::remove_dir_all`].
///
/// # Errors
///
/// Those of [`std::fs::remove_dir_all`]; a part may have been removed.
///
/// # Cancel safety
///
/// If it is dropped after it has begun, it goes on to the end.
///
/// # Examples
///
/// ```
/// use ringpool::fs;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-all-{}", std::process::id()));
/// pool.block_on(async {
///     fs::create_dir_all(path.join("salt/and/pepper")).await?;
///     fs::remove_dir_all(&path).await?;
///     assert!(!fs::exists(&path).await?);
///     Ok(())
/// })
/// # }
/// ```
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    blocking(|| std::fs::remove_dir_all(path)).await
}

/// How directories are to be made: as [`std::fs::DirBuilder`].
///
/// # Examples
///
/// ```
/// use ringpool::fs::{self, DirBuilder};
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-private-{}", std::process::id()));
/// pool.block_on(async {
///     DirBuilder::new().mode(0o700).create(&path).await?;
///     assert_eq!(fs::metadata(&path).await?.mode() & 0o777, 0o700);
///     fs::remove_dir(&path).await
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DirBuilder {
    recursive: bool,
    mode: u32,
}

impl DirBuilder {
    /// One directory, with all rights for everybody less what the process's umask takes away.
    #[expect(clippy::new_without_default, reason = "as in std")]
    pub fn new() -> Self {
        Self { recursive: false, mode: 0o777 }
    }

    /// To make those above it that are missing too, and be content if it is there.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// Who has what rights to the directories that are made, less what the process's umask takes
    /// away: 0o777 unless this is called.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = mode;
        self
    }

    /// Makes the directory. By [`op::mkdirat`]; since Linux 5.15.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::DirBuilder::create`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the directory may have been made, or some of those
    /// above it.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        if self.recursive && !path.as_os_str().is_empty() {
            self.create_all(path).await
        } else if self.recursive {
            Ok(())
        } else {
            op::mkdirat(None, path, self.mode).await
        }
    }

    /// Goes up to the first that can be made or is there, and from there down again.
    async fn create_all(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        for directory in path.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            match self.create_unless_there(directory).await {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(directory),
                Err(error) => return Err(error),
            }
        }
        for directory in missing.into_iter().rev() {
            self.create_unless_there(directory).await?;
        }
        Ok(())
    }

    /// Somebody else may make it at the same time.
    async fn create_unless_there(&self, path: &Path) -> io::Result<()> {
        let made = op::mkdirat(None, path, self.mode).await;
        match &made {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let is_there = op::statx(None, path, 0).await.is_ok_and(|found| found.is_dir());
                if is_there { Ok(()) } else { made }
            }
            _ => made,
        }
    }
}
