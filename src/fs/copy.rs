//! Copying whole files.
//!
//! On a thread for blocking work, a small file in one go: each operation of a ring would cost about
//! as much as all of that, and copying a large one by a ring keeps it from everything else. There
//! the kernel copies by itself (copy_file_range(2)), for which io_uring has no operation; some file
//! systems let the two share their contents then, or have their server do it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::blocking::blocking;

/// What is copied between two looks at whether anybody still wants it.
const STEP_BYTES: u64 = 32 * 1024 * 1024;

/// Copies the contents of the file `from`, and who has what rights to it, into the file `to`, which
/// is made if it is not there, and emptied first if it is; gives how many bytes it has. On a
/// thread for blocking work.
///
/// Symbolic links are followed. Parts of a file that the disk has no room set aside for stay so.
/// Where a file system supports it the two share their contents on the disk until one is changed.
///
/// # Errors
///
/// Those of [`std::fs::copy`], except that a file which is to be copied onto itself is left as it
/// is, with [`InvalidInput`](io::ErrorKind::InvalidInput). After other errors `to` may have a part
/// of the contents.
///
/// # Cancel safety
///
/// If it is dropped, it stops after 32 MiB at most, and `to` may have a part of the contents.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-copy-{}", std::process::id()));
/// # let other = path.with_extension("new");
/// std::fs::write(&path, "salt")?;
/// assert_eq!(pool.block_on(ringpool::fs::copy(&path, &other))?, 4);
/// assert_eq!(std::fs::read(&other)?, b"salt");
/// # std::fs::remove_file(&path)?;
/// # std::fs::remove_file(&other)
/// # }
/// ```
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    let mut copying = blocking(|| Copying::begin(from, to)?.step()).await?;
    while !copying.is_over {
        copying = blocking(|| copying.step()).await?;
    }
    Ok(copying.done)
}

struct Copying {
    from: File,
    to: File,
    /// The contents have holes, and both files can be searched for them.
    is_sparse: bool,
    /// Up to where it has been copied.
    done: u64,
    is_over: bool,
}

impl Copying {
    fn begin(from: PathBuf, to: PathBuf) -> io::Result<Self> {
        let from = File::open(from)?;
        let source = from.metadata()?;
        if !source.is_file() {
            let message = "only a regular file can be copied, or a symbolic link to one";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mode = source.mode() & 0o7777;
        let to = OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(to)?;
        let target = to.metadata()?;
        if (source.dev(), source.ino()) == (target.dev(), target.ino()) {
            let message = "the file would be copied onto itself; it is left as it is";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        if target.is_file() {
            to.set_len(0)?;
            to.set_permissions(source.permissions())?;
        }
        let has_holes = source.blocks() * 512 < source.len();
        let is_sparse = target.is_file() && has_holes && can_find_data(&from);
        Ok(Self { from, to, is_sparse, done: 0, is_over: false })
    }

    fn step(mut self) -> io::Result<Self> {
        let mut left = STEP_BYTES;
        while !self.is_over && left > 0 {
            let end = if self.is_sparse { self.next_data()? } else { u64::MAX };
            let len = left.min(end.saturating_sub(self.done));
            // The standard library has the kernel do it, by whatever means these files allow.
            let count = io::copy(&mut Read::take(&self.from, len), &mut &self.to)?;
            self.done += count;
            left -= count;
            // A file that has become shorter meanwhile ends here too.
            self.is_over |= count == 0;
        }
        Ok(self)
    }

    /// Goes to the next part that is no hole; gives where that ends. Behind the last there is none.
    fn next_data(&mut self) -> io::Result<u64> {
        let len = self.from.metadata()?.len();
        match seek_to(&self.from, self.done, libc::SEEK_DATA) {
            Ok(data) if data < len => {
                let end = seek_to(&self.from, data, libc::SEEK_HOLE)?.min(len);
                (&self.from).seek(SeekFrom::Start(data))?;
                (&self.to).seek(SeekFrom::Start(data))?;
                self.done = data;
                Ok(end)
            }
            Err(error) if error.raw_os_error() != Some(libc::ENXIO) => Err(error),
            _ => {
                self.to.set_len(len)?;
                (self.done, self.is_over) = (len, true);
                Ok(len)
            }
        }
    }
}

fn can_find_data(file: &File) -> bool {
    match seek_to(file, 0, libc::SEEK_DATA) {
        Ok(_) => (&*file).rewind().is_ok(),
        // There is nothing but a hole.
        Err(error) => error.raw_os_error() == Some(libc::ENXIO),
    }
}

fn seek_to(file: &File, from: u64, what: i32) -> io::Result<u64> {
    let from = i64::try_from(from).map_err(io::Error::other)?;
    // SAFETY: the descriptor is the file's; no memory is touched.
    let found = unsafe { libc::lseek(file.as_raw_fd(), from, what) };
    u64::try_from(found).map_err(|_| io::Error::last_os_error())
}
