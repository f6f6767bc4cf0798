//! Files, without blocking a thread: as in [`std::fs`], with buffers that are passed by value.
//!
//! # Examples
//!
//! ```
//! use ringpool::fs::{self, File};
//!
//! # fn main() -> std::io::Result<()> {
//! # let pool = ringpool::Pool::new(1);
//! # let path = std::env::temp_dir().join(format!("ringpool-fs-{}", std::process::id()));
//! pool.block_on(async {
//!     fs::write(&path, "salt and pepper").await?;
//!     let file = File::open(&path).await?;
//!     let ((), word) = file.read_exact_at([0; 6], 9).await?;
//!     assert_eq!(&word, b"pepper");
//!     assert_eq!(fs::read_to_string(&path).await?, "salt and pepper");
//! #   std::fs::remove_file(&path)?;
//!     Ok(())
//! })
//! # }
//! ```

mod atomic;
mod blocking;
mod copy;
mod directory;
mod file;
mod file_type;
mod lock;
mod metadata;
mod names;
mod options;
mod position;
mod read_dir;
mod streaming;
mod whole;

use std::io;
use std::path::Path;

pub use atomic::{AtomicFile, write_atomic};
pub(crate) use blocking::with_std;
pub use copy::copy;
pub use directory::{DirBuilder, create_dir, create_dir_all, remove_dir, remove_dir_all};
pub use file::File;
pub use file_type::FileType;
pub use metadata::{DirectIoAlignment, Metadata};
pub use names::{
    canonicalize, exists, hard_link, read_link, remove_file, rename, set_permissions, symlink,
};
pub use options::OpenOptions;
pub use read_dir::{DirEntry, ReadDir, read_dir};
pub use whole::{read, read_to_string, write};

use crate::op;

/// What the file system knows about the file at `path`; symbolic links are followed.
/// By [`op::statx`]; since Linux 5.6.
///
/// # Errors
///
/// Those of [`std::fs::metadata`].
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
///     assert!(ringpool::fs::metadata("/proc/self").await?.is_dir());
///     Ok(())
/// })
/// # }
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    op::statx(None, path, 0).await
}

/// What the file system knows about the file at `path`, be it a symbolic link or not.
/// By [`op::statx`]; since Linux 5.6.
///
/// # Errors
///
/// Those of [`std::fs::symlink_metadata`].
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
///     assert!(ringpool::fs::symlink_metadata("/proc/self").await?.is_symlink());
///     Ok(())
/// })
/// # }
/// ```
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    op::statx(None, path, libc::AT_SYMLINK_NOFOLLOW).await
}
