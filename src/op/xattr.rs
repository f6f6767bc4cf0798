//! Extended attributes of files.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use io_uring::{opcode, squeue};

use super::{Op, Operation, SharedFd, Start};
use crate::buf::{BufResult, IoBuf, IoBufMut, entry_len, finish_read, finish_write};

/// Which attribute of which file.
#[derive(Debug)]
struct Attribute {
    file: Holder,
    name: CString,
}

#[derive(Debug)]
enum Holder {
    Path(CString),
    Open(SharedFd),
}

impl Attribute {
    /// An attribute of the file at `path`. The error comes with one for an operation that is
    /// refused.
    fn at(path: &Path, name: &OsStr) -> (Self, io::Result<()>) {
        let (path, good_path) = terminated(path.as_os_str());
        let (name, good_name) = terminated(name);
        (Self { file: Holder::Path(path), name }, good_path.and(good_name))
    }

    /// As [`at`](Self::at), of an open file.
    fn of(fd: &SharedFd, name: &OsStr) -> (Self, io::Result<()>) {
        let (name, good_name) = terminated(name);
        (Self { file: Holder::Open(fd.clone()), name }, good_name)
    }
}

/// The text as the kernel takes it.
fn terminated(text: &OsStr) -> (CString, io::Result<()>) {
    match CString::new(text.as_bytes()) {
        Ok(text) => (text, Ok(())),
        Err(_) => {
            let message = format!("neither a file nor an attribute has a zero byte in {text:?}");
            let error = io::Error::new(io::ErrorKind::InvalidInput, message);
            (CString::default(), Err(error))
        }
    }
}

fn checked<O: Operation>(operation: O, check: io::Result<()>) -> Op<O> {
    match check {
        Ok(()) => Op::new(operation),
        Err(error) => Op::refused(operation, error),
    }
}

/// See [`getxattr`] and [`fgetxattr`].
#[derive(Debug)]
pub struct GetXattr<B> {
    attribute: Attribute,
    value: B,
}

/// Reads an extended attribute of the file at `path` into `value`: `IORING_OP_GETXATTR`.
/// Since Linux 5.19.
///
/// It gives the length of the attribute. With a buffer that has no room at all it only gives that.
/// Symbolic links are followed.
///
/// # Errors
///
/// Those of `getxattr(2)`, with the buffer: `ENODATA` if there is no such attribute, `ERANGE` if
/// the buffer is too small, `EOPNOTSUPP` if the file system has none.
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the path or the name has a zero byte in it.
///
/// # Cancel safety
///
/// If it is dropped, the buffer is lost.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # let pool = ringpool::Pool::new(1);
/// let name = pool.block_on(op::getxattr("/dev/null", "user.colour", Vec::with_capacity(64)));
/// let error = name.unwrap_err(); // there is none, or the file system knows no attributes
/// assert!(matches!(error.error.raw_os_error(), Some(libc::ENODATA | libc::EOPNOTSUPP)));
/// assert_eq!(error.buffer.capacity(), 64);
/// ```
pub fn getxattr<B: IoBufMut>(
    path: impl AsRef<Path>,
    name: impl AsRef<OsStr>,
    value: B,
) -> Op<GetXattr<B>> {
    let (attribute, check) = Attribute::at(path.as_ref(), name.as_ref());
    checked(GetXattr { attribute, value }, check)
}

/// Reads an extended attribute of an open file into `value`: `IORING_OP_FGETXATTR`.
/// Since Linux 5.19.
///
/// It gives what [`getxattr`] gives. The kernel does not do this for direct descriptors.
///
/// # Errors
///
/// Those of `fgetxattr(2)`; see [`getxattr`].
///
/// # Cancel safety
///
/// If it is dropped, the buffer is lost.
///
/// # Examples
///
/// See [`fsetxattr`].
pub fn fgetxattr<B: IoBufMut>(fd: &SharedFd, name: impl AsRef<OsStr>, value: B) -> Op<GetXattr<B>> {
    let (attribute, check) = Attribute::of(fd, name.as_ref());
    checked(GetXattr { attribute, value }, check)
}

// SAFETY: the texts are on the heap; the operation owns them, the buffer and the descriptor.
unsafe impl<B: IoBufMut> Operation for GetXattr<B> {
    type Output = BufResult<usize, B>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let name = self.attribute.name.as_ptr();
        let (value, len) = (self.value.ptr_mut().cast(), entry_len(self.value.capacity()));
        Ok(match &self.attribute.file {
            Holder::Path(path) => opcode::GetXattr::new(name, value, path.as_ptr(), len).build(),
            Holder::Open(fd) => opcode::FGetXattr::new(fd.target(), name, value, len).build(),
        })
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        match result {
            // The kernel has only said how long it is.
            Ok(len) if self.value.capacity() == 0 => Ok((len as usize, self.value)),
            result => finish_read(result, self.value),
        }
    }
}

/// See [`setxattr`] and [`fsetxattr`].
#[derive(Debug)]
pub struct SetXattr<B> {
    attribute: Attribute,
    value: B,
    flags: i32,
}

/// Gives the file at `path` an extended attribute: `IORING_OP_SETXATTR`. Since Linux 5.19.
///
/// `flags` are those of `setxattr(2)`: with [`XATTR_CREATE`](libc::XATTR_CREATE) there must be no
/// such attribute yet, with [`XATTR_REPLACE`](libc::XATTR_REPLACE) there must be one. Symbolic
/// links are followed. The buffer comes back.
///
/// # Errors
///
/// Those of `setxattr(2)`, with the buffer: `E2BIG` if it has more than 64 KiB, `EOPNOTSUPP` if
/// the file system has no attributes of this kind.
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if the path or the name has a zero byte in it.
///
/// # Cancel safety
///
/// If it is dropped, the file may or may not have the attribute.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # let pool = ringpool::Pool::new(1);
/// let error = pool.block_on(op::setxattr("/dev/null", "user.colour", "red", 0)).unwrap_err();
/// assert_eq!(error.buffer, "red"); // only files and directories have attributes of users
/// ```
pub fn setxattr<B: IoBuf>(
    path: impl AsRef<Path>,
    name: impl AsRef<OsStr>,
    value: B,
    flags: i32,
) -> Op<SetXattr<B>> {
    let (attribute, check) = Attribute::at(path.as_ref(), name.as_ref());
    checked(SetXattr { attribute, value, flags }, check)
}

/// Gives an open file an extended attribute: `IORING_OP_FSETXATTR`. Since Linux 5.19.
///
/// It does what [`setxattr`] does. The kernel does not do this for direct descriptors.
///
/// # Errors
///
/// Those of `fsetxattr(2)`; see [`setxattr`].
///
/// # Cancel safety
///
/// If it is dropped, the file may or may not have the attribute.
///
/// # Examples
///
/// ```
/// use ringpool::op;
///
/// # fn main() -> std::io::Result<()> {
/// # let pool = ringpool::Pool::new(1);
/// # let path = std::env::temp_dir().join(format!("ringpool-xattr-{}", std::process::id()));
/// pool.block_on(async {
///     let file = op::openat2(None, &path, libc::O_CREAT | libc::O_RDWR, 0o600).await?;
/// #   std::fs::remove_file(&path)?;
///     match op::fsetxattr(&file, "user.colour", "red", 0).await {
///         Err(error) if error.error.raw_os_error() == Some(libc::EOPNOTSUPP) => return Ok(()),
///         set => set?,
///     };
///     let (len, value) = op::fgetxattr(&file, "user.colour", Vec::with_capacity(64)).await?;
///     assert_eq!((len, &value[..]), (3, &b"red"[..]));
///     Ok(())
/// })
/// # }
/// ```
pub fn fsetxattr<B: IoBuf>(
    fd: &SharedFd,
    name: impl AsRef<OsStr>,
    value: B,
    flags: i32,
) -> Op<SetXattr<B>> {
    let (attribute, check) = Attribute::of(fd, name.as_ref());
    checked(SetXattr { attribute, value, flags }, check)
}

// SAFETY: the texts are on the heap; the operation owns them, the buffer and the descriptor.
unsafe impl<B: IoBuf> Operation for SetXattr<B> {
    type Output = BufResult<(), B>;

    fn entry(&mut self, _: &mut Start<'_>) -> io::Result<squeue::Entry> {
        let name = self.attribute.name.as_ptr();
        let (value, len) = (self.value.ptr().cast(), entry_len(self.value.initialized_len()));
        Ok(match &self.attribute.file {
            Holder::Path(path) => {
                opcode::SetXattr::new(name, value, path.as_ptr(), len).flags(self.flags).build()
            }
            Holder::Open(fd) => {
                opcode::FSetXattr::new(fd.target(), name, value, len).flags(self.flags).build()
            }
        })
    }

    fn finish(self, result: io::Result<u32>) -> Self::Output {
        finish_write(result, self.value).map(|(_, value)| ((), value))
    }
}
