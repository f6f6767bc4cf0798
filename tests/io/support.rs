//! What the tests of streaming share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ringpool::net::TcpStream;

use crate::network::connection;

/// Both ends of a connection.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let (ours, theirs) = connection();
    (ours, TcpStream::from_std(theirs).expect("it is open"))
}

/// A file that goes with its handle.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn with(contents: &[u8]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("ringpool-io-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, contents).expect("there is room for it");
        Self(path)
    }

    pub(crate) fn contents(&self) -> Vec<u8> {
        fs::read(&self.0).expect("it is there")
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it.
        let _ = fs::remove_file(&self.0);
    }
}
