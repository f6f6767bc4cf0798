//! The kinds of files.

use std::fmt;

/// What kind of file something is.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// let null = pool.block_on(ringpool::fs::metadata("/dev/null"))?;
/// assert!(null.file_type().is_char_device());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileType(u32);

impl FileType {
    pub(super) fn from_mode(mode: u32) -> Self {
        Self(mode & libc::S_IFMT)
    }

    /// Of what the kernel says of an entry in a directory; `None` if it does not know.
    pub(super) fn from_entry(kind: u8) -> Option<Self> {
        let mode = match kind {
            libc::DT_REG => libc::S_IFREG,
            libc::DT_DIR => libc::S_IFDIR,
            libc::DT_LNK => libc::S_IFLNK,
            libc::DT_FIFO => libc::S_IFIFO,
            libc::DT_SOCK => libc::S_IFSOCK,
            libc::DT_CHR => libc::S_IFCHR,
            libc::DT_BLK => libc::S_IFBLK,
            _ => return None,
        };
        Some(Self(mode))
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.0 == libc::S_IFREG
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.0 == libc::S_IFDIR
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.0 == libc::S_IFLNK
    }

    /// Whether it is a pipe.
    pub fn is_fifo(&self) -> bool {
        self.0 == libc::S_IFIFO
    }

    /// Whether it is a socket.
    pub fn is_socket(&self) -> bool {
        self.0 == libc::S_IFSOCK
    }

    /// Whether it is a device of bytes, such as a terminal.
    pub fn is_char_device(&self) -> bool {
        self.0 == libc::S_IFCHR
    }

    /// Whether it is a device of blocks, such as a disk.
    pub fn is_block_device(&self) -> bool {
        self.0 == libc::S_IFBLK
    }
}

impl fmt::Debug for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            libc::S_IFREG => "regular file",
            libc::S_IFDIR => "directory",
            libc::S_IFLNK => "symbolic link",
            libc::S_IFIFO => "pipe",
            libc::S_IFSOCK => "socket",
            libc::S_IFCHR => "device of bytes",
            libc::S_IFBLK => "device of blocks",
            _ => "unknown kind",
        })
    }
}
