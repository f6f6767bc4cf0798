//! Whole files: read or written in one go.

use std::io;
use std::path::Path;

use super::File;
use crate::buf::{BufError, BufResult, IoBuf, IoBufMut};
use crate::op;
use crate::op::rest::Rest;

/// Room for the first read. Files that fit are read without asking how long they are, for which
/// the kernel would need a thread.
const FIRST_READ_BYTES: usize = 16 * 1024;

/// All of the file at `path`.
///
/// Right also for files whose length is not known, as those in `/proc`, or that grow meanwhile.
/// By [`op::openat2`], [`op::read`] and, for files over 16 KiB, [`op::statx`]; since Linux 5.6.
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
    let file = File::open(path).await?;
    let mut contents = read_to_end(&file).await?;
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

/// Reads until a read finds nothing more.
async fn read_to_end(file: &File) -> io::Result<Vec<u8>> {
    let mut rest = Rest::new(Vec::with_capacity(FIRST_READ_BYTES));
    let mut is_first_room = true;
    loop {
        match op::read(file.shared_fd(), rest).await {
            Ok((0, rest)) => return Ok(rest.buffer),
            Ok((_, longer)) => rest = longer,
            Err(BufError { error, buffer }) if error.kind() == io::ErrorKind::Interrupted => {
                rest = buffer;
            }
            Err(error) => return Err(error.into()),
        }
        if rest.capacity() == 0 {
            let first = std::mem::replace(&mut is_first_room, false);
            let more = if first { rest_of(file, rest.done).await? } else { rest.done };
            rest.buffer.try_reserve_exact(more)?;
        }
    }
}

/// How much more than `done` bytes the file is believed to have, and room for one more: the read
/// that finds the end needs some.
async fn rest_of(file: &File, done: usize) -> io::Result<usize> {
    let len = usize::try_from(file.metadata().await?.len()).unwrap_or(usize::MAX);
    Ok(if len >= done { (len - done).saturating_add(1) } else { done })
}

/// Makes `contents` the whole contents of the file at `path`, which is made if it is not there.
/// By [`op::openat2`], [`op::write()`] and [`op::close`]; since Linux 5.6.
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
