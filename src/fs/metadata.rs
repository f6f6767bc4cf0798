//! What a file system knows about a file.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};
use std::{fmt, io};

use super::FileType;

/// What a file system knows about a file: kind, size, owner, times.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let metadata = ringpool::fs::metadata("/proc/self/comm").await?;
///     assert!(metadata.is_file());
///     assert!(metadata.modified()? <= std::time::SystemTime::now());
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone)]
pub struct Metadata(libc::statx);

impl Metadata {
    pub(crate) fn new(answer: libc::statx) -> Self {
        Self(answer)
    }

    /// What kind of file it is.
    pub fn file_type(&self) -> FileType {
        FileType::from_mode(self.mode())
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.file_type().is_file()
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type().is_dir()
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.file_type().is_symlink()
    }

    /// Whether it is a pipe.
    pub fn is_fifo(&self) -> bool {
        self.file_type().is_fifo()
    }

    /// Whether it is a socket.
    pub fn is_socket(&self) -> bool {
        self.file_type().is_socket()
    }

    /// Whether it is a device of bytes, such as a terminal.
    pub fn is_char_device(&self) -> bool {
        self.file_type().is_char_device()
    }

    /// Whether it is a device of blocks, such as a disk.
    pub fn is_block_device(&self) -> bool {
        self.file_type().is_block_device()
    }

    /// The size in bytes.
    #[expect(clippy::len_without_is_empty, reason = "as in std")]
    pub fn len(&self) -> u64 {
        self.0.stx_size
    }

    /// The rights to it, as the standard library has them.
    pub fn permissions(&self) -> Permissions {
        Permissions::from_mode(self.mode())
    }

    /// The kind and the rights, as `stat(2)` has them.
    pub fn mode(&self) -> u32 {
        self.0.stx_mode.into()
    }

    /// The number of the device that holds it.
    pub fn dev(&self) -> u64 {
        libc::makedev(self.0.stx_dev_major, self.0.stx_dev_minor)
    }

    /// The number of the device that it is, if it is one.
    pub fn rdev(&self) -> u64 {
        libc::makedev(self.0.stx_rdev_major, self.0.stx_rdev_minor)
    }

    /// Its number on the device that holds it.
    pub fn ino(&self) -> u64 {
        self.0.stx_ino
    }

    /// How many names it has.
    pub fn nlink(&self) -> u64 {
        self.0.stx_nlink.into()
    }

    /// The user who owns it.
    pub fn uid(&self) -> u32 {
        self.0.stx_uid
    }

    /// The group that owns it.
    pub fn gid(&self) -> u32 {
        self.0.stx_gid
    }

    /// How many units of 512 bytes it takes up.
    pub fn blocks(&self) -> u64 {
        self.0.stx_blocks
    }

    /// The size in bytes in which it is best read and written.
    pub fn blksize(&self) -> u64 {
        self.0.stx_blksize.into()
    }

    /// When its contents were last modified.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the file system's time is none.
    pub fn modified(&self) -> io::Result<SystemTime> {
        time(self.0.stx_mtime)
    }

    /// When it was last read, as far as the file system keeps account of that.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) if the file system's time is none.
    pub fn accessed(&self) -> io::Result<SystemTime> {
        time(self.0.stx_atime)
    }

    /// When it was made.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) if the file system does not know;
    /// [`InvalidData`](io::ErrorKind::InvalidData) if its time is none.
    pub fn created(&self) -> io::Result<SystemTime> {
        if self.0.stx_mask & libc::STATX_BTIME == 0 {
            let message = "this file system does not know when its files were made";
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        time(self.0.stx_btime)
    }

    /// What transfers have to keep to if the file is opened with [`O_DIRECT`](libc::O_DIRECT);
    /// `None` if the file system does not say, or does no such transfers. Since Linux 6.1.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::buf::AlignedBuf;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let metadata = ringpool::fs::metadata("/proc/self/exe").await?;
    ///     if let Some(direct) = metadata.direct_io_alignment() {
    ///         let buffer = AlignedBuf::new(16 * direct.offset, direct.memory);
    ///         assert_eq!(buffer.as_ptr() as usize % direct.memory, 0);
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn direct_io_alignment(&self) -> Option<DirectIoAlignment> {
        let (memory, offset) = (self.0.stx_dio_mem_align, self.0.stx_dio_offset_align);
        let is_known = self.0.stx_mask & libc::STATX_DIOALIGN != 0 && memory > 0 && offset > 0;
        is_known.then_some(DirectIoAlignment { memory: memory as usize, offset: offset as usize })
    }
}

/// What transfers that bypass the page cache have to keep to; see
/// [`Metadata::direct_io_alignment`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirectIoAlignment {
    /// What the address of the buffer has to be a multiple of.
    pub memory: usize,
    /// What offset and length have to be multiples of.
    pub offset: usize,
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("mode", &format_args!("{:o}", self.mode()))
            .field("len", &self.len())
            .field("ino", &self.ino())
            .field("modified", &self.modified().ok())
            .finish_non_exhaustive()
    }
}

fn time(stamp: libc::statx_timestamp) -> io::Result<SystemTime> {
    let seconds = Duration::from_secs(stamp.tv_sec.unsigned_abs());
    let second = if stamp.tv_sec < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(seconds)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(seconds)
    };
    let nanoseconds = Duration::from_nanos(stamp.tv_nsec.into());
    second.and_then(|second| second.checked_add(nanoseconds)).ok_or_else(|| {
        let message = format!("{} seconds after 1970 is no time that can be told", stamp.tv_sec);
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(tv_sec: i64, tv_nsec: u32) -> libc::statx_timestamp {
        // SAFETY: all numbers, for which zero will do.
        let mut stamp: libc::statx_timestamp = unsafe { std::mem::zeroed() };
        stamp.tv_sec = tv_sec;
        stamp.tv_nsec = tv_nsec;
        stamp
    }

    #[test]
    fn times_before_1970_count_backwards_but_their_nanoseconds_do_not() {
        let before = time(stamp(-2, 250_000_000)).expect("a time");
        let distance = SystemTime::UNIX_EPOCH.duration_since(before).expect("before 1970");
        assert_eq!(distance, Duration::from_millis(1750));
        let after = time(stamp(2, 250_000_000)).expect("a time");
        assert_eq!(after, SystemTime::UNIX_EPOCH + Duration::from_millis(2250));
    }

    #[test]
    fn the_first_and_the_last_second_do_no_harm() {
        assert!(time(stamp(i64::MAX, 0)).is_ok());
        assert!(time(stamp(i64::MAX, u32::MAX)).is_err());
        assert!(time(stamp(i64::MIN, 0)).is_ok());
    }
}
