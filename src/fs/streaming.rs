//! Files as streams, at their position; see [`io`](crate::io).
//!
//! What is under way stays with the file between two polls, as what is dropped does. The kernel has
//! one position for both directions, so each begins when the other has ended.

use std::future::Future;
use std::io::{self, Seek, SeekFrom};
use std::task::{Context, Poll, ready};

use super::File;
use super::blocking::with_std;
use crate::buf::{BufResult, IoBuf, IoBufMut};
use crate::io::{AsyncReadOwned, AsyncWriteOwned, Seekable};

impl AsyncReadOwned for File {
    type Reading = ();

    fn read<B: IoBufMut>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::read(self, buffer)
    }

    fn poll_read_owned(
        &mut self,
        (): &mut (),
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.stream.poll_flush(&mut Vec::new(), cx))?;
        self.stream.poll_read(buffer, cx)
    }

    /// Also waits for an earlier write, since what follows may move the position. A write that
    /// fails stays, and whatever comes next at the position says so.
    fn poll_stop_reading(
        &mut self,
        (): &mut (),
        _: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // What has failed is begun again, and so is not lost.
        let _ = ready!(self.stream.poll_flush(&mut Vec::new(), cx));
        self.poll_end_of_reads(cx)
    }

    fn unread(&mut self, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        if bytes.is_empty() {
            return Ok(());
        }
        // A read that was dropped may have brought more than these, which comes behind them: the
        // position goes back before all of it, to be read again.
        if let Some(left) = self.stream.left_behind() {
            let back = SeekFrom::Current(-((bytes.len() + left) as i64));
            if self.seek_to(back).is_ok() {
                self.stream.clear_unread();
                return Ok(());
            }
        }
        // What has no position, such as a pipe, keeps them for the next read.
        self.stream.unread(bytes)
    }
}

impl AsyncWriteOwned for File {
    type Writing = Vec<u8>;

    fn write<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::write(self, buffer)
    }

    fn write_all<B: IoBuf>(&mut self, buffer: B) -> impl Future<Output = BufResult<(), B>> + Send {
        File::write_all(self, buffer)
    }

    fn poll_write_owned(
        &mut self,
        spare: &mut Vec<u8>,
        buffer: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_end_of_reads(cx));
        self.stream.poll_write(spare, buffer, cx)
    }

    fn poll_flush_owned(
        &mut self,
        spare: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.stream.poll_flush(spare, cx))?;
        self.poll_end_of_reads(cx).map(Ok)
    }
}

impl Seekable for File {
    fn seek_to(&mut self, position: SeekFrom) -> io::Result<u64> {
        with_std(self.shared_fd(), |mut file| file.seek(position))
    }
}
