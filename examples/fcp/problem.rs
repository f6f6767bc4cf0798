//! What went wrong with which path.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A path that could not be copied, and why.
#[derive(Debug)]
pub(crate) struct Problem {
    path: PathBuf,
    /// What was to be done with it, as in "cannot …".
    doing: &'static str,
    error: io::Error,
}

impl Problem {
    /// For `map_err`: what `doing` something with `path` failed with.
    pub(crate) fn of(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self { path: path.to_owned(), doing, error }
    }

    /// A reason that the system has no number for.
    pub(crate) fn because(reason: impl Into<String>, doing: &'static str, path: &Path) -> Self {
        Self::of(doing, path)(io::Error::other(reason.into()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fcp: cannot {} {:?}: {}", self.doing, self.path, self.error)
    }
}
