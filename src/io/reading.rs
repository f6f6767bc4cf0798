//! What a [`BufReader`] does without any of the foreign traits.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::mem;

use super::traits::not_text;
use super::{AsyncReadOwned, BufReader};

impl<S: AsyncReadOwned> BufReader<S> {
    /// Waits until there are bytes in the buffer; gives them all, or none at the end of the stream.
    /// They come again until they are [consumed](Self::consume).
    ///
    /// # Errors
    ///
    /// Those of the stream.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::{fs::File, io::BufReader};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let mut reader = BufReader::new(File::open("/proc/version").await?);
    ///     let filled = reader.fill_buf().await?;
    ///     let word = filled.iter().position(|byte| *byte == b' ').unwrap();
    ///     reader.consume(word + 1);
    ///     assert!(reader.buffer().starts_with(b"version"));
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        poll_fn(|cx| self.poll_filled(cx).map_ok(|_| ())).await?;
        Ok(self.buffer())
    }

    /// Reads what is there, up to the length of `into`, waiting until there is something; 0 means
    /// the end.
    ///
    /// # Errors
    ///
    /// Those of the stream.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_copied(into, cx)).await
    }

    /// Fills `into`.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](ErrorKind::UnexpectedEof) if the stream ends before, and those of the
    /// stream. What has been read by then is at the beginning of `into`.
    ///
    /// # Cancel safety
    ///
    /// What has been copied to `into` does not come again, and nobody can say how much that is.
    pub async fn read_exact(&mut self, mut into: &mut [u8]) -> io::Result<()> {
        while !into.is_empty() {
            let count = self.read_on(into).await?;
            if count == 0 {
                let message = "the stream ended before the buffer was full";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, message));
            }
            into = &mut into[count..];
        }
        Ok(())
    }

    /// Reads up to the end and appends it; gives how much it was.
    ///
    /// # Errors
    ///
    /// Those of the stream; what has been read by then has been appended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what has been read by then has been appended.
    pub async fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        loop {
            let filled = self.fill_on().await?;
            let count = filled.len();
            if count == 0 {
                return Ok(into.len() - before);
            }
            into.extend_from_slice(filled);
            self.consume(count);
        }
    }

    /// Reads text up to the end and appends it; gives how many bytes it was.
    ///
    /// # Errors
    ///
    /// Those of the stream, and [`InvalidData`](ErrorKind::InvalidData) if it is not UTF-8; nothing
    /// is appended then, and what has been read is lost.
    ///
    /// # Cancel safety
    ///
    /// What has been read by then is lost.
    pub async fn read_to_string(&mut self, into: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).await?;
        into.push_str(str::from_utf8(&bytes).map_err(|_| not_text())?);
        Ok(bytes.len())
    }

    /// Reads up to the next `delimiter`, which is included, or the end, and appends it; gives how
    /// much it was, and 0 at the end.
    ///
    /// # Errors
    ///
    /// Those of the stream; what has been read by then has been appended.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what has been read by then has been appended, and another call with the
    /// same vector goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use ringpool::{fs::File, io::BufReader};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// # let pool = ringpool::Pool::new(1);
    /// pool.block_on(async {
    ///     let mut reader = BufReader::new(File::open("/proc/version").await?);
    ///     let mut word = Vec::new();
    ///     assert_eq!(reader.read_until(b' ', &mut word).await?, 6);
    ///     assert_eq!(word, b"Linux ");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn read_until(&mut self, delimiter: u8, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        loop {
            let filled = self.fill_on().await?;
            let found = filled.iter().position(|byte| *byte == delimiter);
            let count = found.map_or(filled.len(), |place| place + 1);
            into.extend_from_slice(&filled[..count]);
            self.consume(count);
            if found.is_some() || count == 0 {
                return Ok(into.len() - before);
            }
        }
    }

    /// Reads the rest of the line, with its end, and appends it; gives how many bytes it was, and 0
    /// at the end.
    ///
    /// # Errors
    ///
    /// Those of the stream, and [`InvalidData`](ErrorKind::InvalidData) if it is not UTF-8; nothing
    /// is appended then, and what has been read is lost.
    ///
    /// # Cancel safety
    ///
    /// What has been read of the line by then is lost. [`Lines`] keeps it.
    pub async fn read_line(&mut self, into: &mut String) -> io::Result<usize> {
        let mut line = Vec::new();
        self.read_until(b'\n', &mut line).await?;
        into.push_str(str::from_utf8(&line).map_err(|_| not_text())?);
        Ok(line.len())
    }

    /// The lines, one after the other.
    ///
    /// # Examples
    ///
    /// See [`BufReader`].
    pub fn lines(self) -> Lines<S> {
        Lines { reader: self, line: Vec::new() }
    }

    /// As [`fill_buf`](Self::fill_buf), but goes on after an interruption.
    async fn fill_on(&mut self) -> io::Result<&[u8]> {
        loop {
            match poll_fn(|cx| self.poll_filled(cx).map_ok(|_| ())).await {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(self.buffer()),
            }
        }
    }

    /// As [`read`](Self::read), but goes on after an interruption.
    async fn read_on(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let filled = self.fill_on().await?;
        let count = filled.len().min(into.len());
        into[..count].copy_from_slice(&filled[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// The lines of a stream; made by [`BufReader::lines`].
#[derive(Debug)]
pub struct Lines<S: AsyncReadOwned> {
    reader: BufReader<S>,
    /// What has been read of the line.
    line: Vec<u8>,
}

impl<S: AsyncReadOwned> Lines<S> {
    /// The next line, without its end, which is `\n` or `\r\n`; `None` at the end of the stream.
    ///
    /// # Errors
    ///
    /// Those of the stream, after which it may be called again, and
    /// [`InvalidData`](ErrorKind::InvalidData) if the line is not UTF-8, which is left out then.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        self.reader.read_until(b'\n', &mut self.line).await?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let mut line = String::from_utf8(mem::take(&mut self.line)).map_err(|_| not_text())?;
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Ok(Some(line))
    }

    /// The reader.
    pub fn get_ref(&self) -> &BufReader<S> {
        &self.reader
    }

    /// The reader. What has been read of a line by a [`next_line`](Self::next_line) that was
    /// dropped is not in it.
    pub fn get_mut(&mut self) -> &mut BufReader<S> {
        &mut self.reader
    }

    /// The reader again, and what has been read of a line by a [`next_line`](Self::next_line) that
    /// was dropped.
    pub fn into_inner(self) -> (BufReader<S>, Vec<u8>) {
        (self.reader, self.line)
    }
}
