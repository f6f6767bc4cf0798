//! Files as streams, at their position; see [`io`](crate::io).

use std::future::Future;
use std::io::{self, Seek, SeekFrom};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::task::{Context, Poll};

use super::File;
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::io::{AsyncReadOwned, AsyncWriteOwned, ReadUnderWay, Seekable, WriteUnderWay};
use crate::op;

impl AsyncReadOwned for File {
    type Reading = ReadUnderWay<op::Read<Vec<u8>>>;

    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::read(self, buffer)
    }

    /// It does not see what a dropped [`File::read`] has left behind: await one more read first.
    fn poll_read_owned(
        &mut self,
        reading: &mut Self::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        reading.poll(buffer, cx, |buffer| op::read(self.shared_fd(), buffer))
    }

    fn poll_stop_reading(
        &mut self,
        reading: &mut Self::Reading,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        reading.poll_stop(buffer, cx)
    }

    /// Goes back in the file, so that they are read again. What has no position, as a terminal,
    /// cannot.
    fn unread(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let back = SeekFrom::Current(-(bytes.len() as i64));
        if bytes.is_empty() || self.seek_to(back).is_ok() { Ok(()) } else { Err(bytes) }
    }
}

impl AsyncWriteOwned for File {
    type Writing = WriteUnderWay<op::Write<Vec<u8>>>;

    fn write<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::write(self, buffer)
    }

    fn poll_write_owned(
        &mut self,
        writing: &mut Self::Writing,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        writing.poll(buffer, cx, |buffer| op::write(self.shared_fd(), buffer))
    }

    fn poll_flush_owned(
        &mut self,
        writing: &mut Self::Writing,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        writing.poll_flush(cx, |buffer| op::write(self.shared_fd(), buffer))
    }
}

impl Seekable for File {
    fn seek_to(&mut self, position: SeekFrom) -> io::Result<u64> {
        // SAFETY: the descriptor is open as long as `self` is, and is not closed through this.
        let mut file = ManuallyDrop::new(unsafe { std::fs::File::from_raw_fd(self.as_raw_fd()) });
        file.seek(position)
    }
}
