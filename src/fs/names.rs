//! What is done to files by their names.

use std::fs::Permissions;
use std::io;
use std::path::{Path, PathBuf};

use super::blocking::blocking;
use crate::op;

/// Takes a file's name away, and with its last name the file, when nobody has it open any more.
/// By [`op::unlinkat`]; since Linux 5.11.
///
/// # Errors
///
/// Those of [`std::fs::remove_file`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the name may or may not be there.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-remove-{}", std::process::id()));
/// std::fs::write(&path, "salt")?;
/// pool.block_on(ringpool::fs::remove_file(&path))?;
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    op::unlinkat(None, path, 0).await
}

/// Gives the file `from` the name `to`, in place of the file that had it.
/// By [`op::renameat`]; since Linux 5.11.
///
/// # Errors
///
/// Those of [`std::fs::rename`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the file may have either name, and is never without one.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-rename-{}", std::process::id()));
/// # let other = path.with_extension("new");
/// std::fs::write(&path, "salt")?;
/// pool.block_on(ringpool::fs::rename(&path, &other))?;
/// assert_eq!(std::fs::read(&other)?, b"salt");
/// # std::fs::remove_file(&other)
/// # }
/// ```
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    op::renameat(None, from, None, to, 0).await
}

/// Gives the file `original` one more name. By [`op::linkat`]; since Linux 5.15.
///
/// # Errors
///
/// Those of [`std::fs::hard_link`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the file may or may not have the new name.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-hard-link-{}", std::process::id()));
/// # let other = path.with_extension("new");
/// std::fs::write(&path, "salt")?;
/// pool.block_on(ringpool::fs::hard_link(&path, &other))?;
/// assert_eq!(std::fs::read(&other)?, b"salt");
/// # std::fs::remove_file(&path)?;
/// # std::fs::remove_file(&other)
/// # }
/// ```
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    op::linkat(None, original, None, link, 0).await
}

/// Makes a symbolic link at `link` that leads to `original`, which counts from where the link is.
/// By [`op::symlinkat`]; since Linux 5.15.
///
/// # Errors
///
/// Those of [`std::os::unix::fs::symlink`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the link may or may not be there.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-symlink-{}", std::process::id()));
/// pool.block_on(async {
///     ringpool::fs::symlink("/dev/null", &path).await?;
///     assert_eq!(ringpool::fs::read_link(&path).await?.as_os_str(), "/dev/null");
///     ringpool::fs::remove_file(&path).await
/// })
/// # }
/// ```
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    op::symlinkat(original, None, link).await
}

/// Where the symbolic link at `path` leads. On a thread for blocking work, as io_uring has no
/// operation for it.
///
/// # Errors
///
/// Those of [`std::fs::read_link`].
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// See [`symlink`].
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    blocking(|| std::fs::read_link(path)).await
}

/// The path from the root to the file at `path`, without symbolic links and detours. On a thread
/// for blocking work, as io_uring has no operation for it.
///
/// # Errors
///
/// Those of [`std::fs::canonicalize`].
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let path = pool.block_on(ringpool::fs::canonicalize("/dev/../dev/./null"))?;
/// assert_eq!(path.as_os_str(), "/dev/null");
/// # Ok(())
/// # }
/// ```
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    blocking(|| std::fs::canonicalize(path)).await
}

/// Whether there is a file at `path`; a symbolic link that leads nowhere is none.
/// By [`op::statx`]; since Linux 5.6.
///
/// # Errors
///
/// Those of [`std::fs::exists`]: it cannot be said, as when a directory may not be searched.
///
/// # Cancel safety
///
/// Nothing can be lost.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     assert!(ringpool::fs::exists("/dev/null").await?);
///     assert!(!ringpool::fs::exists("/dev/no-such-device").await?);
///     Ok(())
/// })
/// # }
/// ```
#[doc(alias = "try_exists")]
pub async fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    match op::statx(None, path, 0).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Says who has what rights to the file at `path`. On a thread for blocking work, as io_uring has
/// no operation for it.
///
/// # Errors
///
/// Those of [`std::fs::set_permissions`].
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the rights may or may not have been changed.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-rights-{}", std::process::id()));
/// # std::fs::write(&path, "salt")?;
/// pool.block_on(async {
///     let mut permissions = ringpool::fs::metadata(&path).await?.permissions();
///     permissions.set_readonly(true);
///     ringpool::fs::set_permissions(&path, permissions).await?;
///     assert!(ringpool::fs::metadata(&path).await?.permissions().readonly());
/// #   ringpool::fs::remove_file(&path).await?;
///     Ok(())
/// })
/// # }
/// ```
pub async fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    blocking(|| std::fs::set_permissions(path, permissions)).await
}
