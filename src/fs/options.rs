//! How a file is to be opened.

use std::io;
use std::path::Path;

use super::File;
use crate::op;

/// How a file is to be opened: as [`std::fs::OpenOptions`].
///
/// # Examples
///
/// ```
/// use ringpool::fs::OpenOptions;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-options-{}", std::process::id()));
/// pool.block_on(async {
///     let mut log = OpenOptions::new().append(true).create(true).open(&path).await?;
///     log.write_all("one more line\n").await?;
/// #   std::fs::remove_file(&path)?;
///     Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    custom_flags: i32,
    mode: u32,
}

impl OpenOptions {
    /// Nothing is allowed yet.
    #[expect(clippy::new_without_default, reason = "as in std")]
    pub fn new() -> Self {
        Self {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            custom_flags: 0,
            mode: 0o666,
        }
    }

    /// To read from it.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// To write to it.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// To write to its end, wherever that is by then and whatever offset is given.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.append = append;
        self
    }

    /// To throw its contents away first.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.truncate = truncate;
        self
    }

    /// To make it if it is not there.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// To make it, and fail if it is there; `create` and `truncate` do not count then.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.create_new = create_new;
        self
    }

    /// More flags for `open(2)`, in place of those set before; `O_RDONLY`, `O_WRONLY` and `O_RDWR`
    /// do not count.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.custom_flags = flags;
        self
    }

    /// Who has what rights to a file that is made, less what the process's umask takes away:
    /// 0o666 unless this is called.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = mode;
        self
    }

    /// Opens the file. By [`op::openat2`]; since Linux 5.6.
    ///
    /// Of a named pipe the end to write is opened when somebody reads; the end to read may be
    /// opened at once, and reads wait for a writer.
    ///
    /// # Errors
    ///
    /// Those of [`std::fs::OpenOptions::open`]; [`InvalidInput`](io::ErrorKind::InvalidInput) if
    /// the options contradict each other.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped after its first poll, the file may have been made or truncated.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let flags = self.access()? | self.creation()? | (self.custom_flags & !libc::O_ACCMODE);
        // The kernel refuses a mode where none is needed.
        let makes = flags & libc::O_CREAT != 0 || flags & libc::O_TMPFILE == libc::O_TMPFILE;
        let mode = if makes { self.mode & 0o7777 } else { 0 };
        let opened = op::openat2(None, &path, flags, mode).await;
        // A named pipe that nobody reads yet, as seen without waiting; if it is something else,
        // this gives the same error again.
        let is_unread = |error: &io::Error| error.raw_os_error() == Some(libc::ENXIO);
        if flags & libc::O_NONBLOCK == 0 && opened.as_ref().is_err_and(is_unread) {
            return op::openat2_waiting(path.as_ref(), flags, mode).await.map(File::from);
        }
        opened.map(File::from)
    }

    fn access(&self) -> io::Result<i32> {
        match (self.read, self.write, self.append) {
            (true, false, false) => Ok(libc::O_RDONLY),
            (false, true, false) => Ok(libc::O_WRONLY),
            (true, true, false) => Ok(libc::O_RDWR),
            (false, _, true) => Ok(libc::O_WRONLY | libc::O_APPEND),
            (true, _, true) => Ok(libc::O_RDWR | libc::O_APPEND),
            (false, false, false) => {
                Err(contradiction("a file is opened to read, to write or to append: set one"))
            }
        }
    }

    fn creation(&self) -> io::Result<i32> {
        if (self.create || self.create_new || self.truncate) && !self.write && !self.append {
            return Err(contradiction("only a file opened to write can be made or truncated"));
        }
        if self.append && self.truncate && !self.create_new {
            return Err(contradiction("a file is appended to or truncated, not both"));
        }
        if self.create_new {
            return Ok(libc::O_CREAT | libc::O_EXCL);
        }
        let create = if self.create { libc::O_CREAT } else { 0 };
        let truncate = if self.truncate { libc::O_TRUNC } else { 0 };
        Ok(create | truncate)
    }
}

fn contradiction(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
