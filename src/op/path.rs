//! Paths and directories, as the kernel takes them.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use io_uring::types::Fd;

use super::SharedFd;

/// A path, and the directory it is relative to.
#[derive(Debug)]
pub(crate) struct Place {
    directory: Option<SharedFd>,
    path: CString,
}

impl Place {
    /// `None` stands for the working directory. The error comes with a place for an operation that
    /// is refused.
    pub(crate) fn new(
        directory: Option<&SharedFd>,
        path: &Path,
    ) -> Result<Self, (Self, io::Error)> {
        let directory = directory.cloned();
        match CString::new(path.as_os_str().as_bytes()) {
            Ok(path) => Ok(Self { directory, path }),
            Err(_) => {
                let message = format!("no file has a name with a zero byte in it: {path:?}");
                let error = io::Error::new(io::ErrorKind::InvalidInput, message);
                Err((Self { directory, path: CString::default() }, error))
            }
        }
    }

    pub(crate) fn directory(&self) -> Fd {
        self.directory.as_ref().map_or(Fd(libc::AT_FDCWD), SharedFd::target)
    }

    /// Valid as long as `self` is there.
    pub(crate) fn path(&self) -> *const libc::c_char {
        self.path.as_ptr()
    }
}
