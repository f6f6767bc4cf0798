//! Whole files: read or written in one go.

use std::io;
use std::path::Path;

use super::File;
use crate::buf::{BufError, BufResult, IoBuf};

/// All of the file at `path`.
///
/// Right also for files whose length is not known, as those in `/proc`, or that grow meanwhile.
/// By [`openat2`](crate::op::openat2), [`read`](crate::op::read) and, for files over 16 KiB,
/// [`statx`](crate::op::statx); since Linux 5.6.
///
/// # Errors
///
/// Those of [`std::fs::read`].
///
/// # Cancel safety
///
/// If it is dropped, nothing of the file is lost, unless it is a pipe.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let version = ringpool::fs::read("/proc/version").await?;
///     assert!(version.starts_with(b"Linux"));
///     Ok(())
/// })
/// # }
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let (_, mut contents) = File::open(path).await?.read_to_end(Vec::new()).await?;
    if contents.len() < contents.capacity() / 2 {
        contents.shrink_to_fit();
    }
    Ok(contents)
}

/// All of the text file at `path`; see [`read`].
///
/// # Errors
///
/// Those of [`read`]; [`InvalidData`](io::ErrorKind::InvalidData) if it is not UTF-8.
///
/// # Cancel safety
///
/// As that of [`read`].
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let version = ringpool::fs::read_to_string("/proc/version").await?;
///     assert!(version.starts_with("Linux"));
///     Ok(())
/// })
/// # }
/// ```
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read(path).await?).map_err(|error| {
        let message = format!("the file is not UTF-8: {}", error.utf8_error());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Makes `contents` the whole contents of the file at `path`, which is made if it is not there.
/// By [`openat2`](crate::op::openat2), [`write`](crate::op::write()) and
/// [`close`](crate::op::close); since Linux 5.6.
///
/// # Errors
///
/// Those of [`std::fs::write`], and those of closing the file, with the buffer: the file may then
/// have a part of it.
///
/// # Cancel safety
///
/// If it is dropped after its first poll, the file may have a part of the contents, or be empty.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-write-{}", std::process::id()));
/// pool.block_on(async {
///     ringpool::fs::write(&path, "salt and pepper").await?;
///     assert_eq!(std::fs::read(&path)?, b"salt and pepper");
/// #   std::fs::remove_file(&path)?;
///     Ok(())
/// })
/// # }
/// ```
pub async fn write<B: IoBuf>(path: impl AsRef<Path>, contents: B) -> BufResult<(), B> {
    let mut file = match File::create(path).await {
        Ok(file) => file,
        Err(error) => return Err(BufError { error, buffer: contents }),
    };
    let ((), contents) = file.write_all(contents).await?;
    match file.close().await {
        Ok(()) => Ok(((), contents)),
        Err(error) => Err(BufError { error, buffer: contents }),
    }
}
