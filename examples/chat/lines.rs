//! Lines out of pieces, as they arrive.

use std::io;

use futures::{Stream, StreamExt};
use ringpool::buf::PooledBuffer;

/// A line that is longer is taken for something else than chat.
const LINE_BYTES: usize = 4096;

/// The lines of a stream of pieces.
pub(crate) struct Lines<S> {
    pieces: S,
    /// What has arrived and is no line yet, behind `taken` bytes of lines that are.
    arrived: Vec<u8>,
    taken: usize,
}

impl<S: Stream<Item = io::Result<PooledBuffer>> + Unpin> Lines<S> {
    pub(crate) fn new(pieces: S) -> Self {
        Self { pieces, arrived: Vec::new(), taken: 0 }
    }

    /// The next line without its end and what else a terminal does not show; none when the other
    /// side has no more to say. Bytes behind the last end of a line are no line.
    pub(crate) async fn next(&mut self) -> io::Result<Option<String>> {
        let mut searched = self.taken;
        loop {
            let end = self.arrived[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line = text(&self.arrived[self.taken..searched + end]);
                self.taken = searched + end + 1;
                return Ok(Some(line));
            }
            self.arrived.drain(..self.taken);
            self.taken = 0;
            searched = self.arrived.len();
            if searched > LINE_BYTES {
                let message = format!("a line is longer than {LINE_BYTES} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            // The buffer goes back to its pool at once: others wait for it.
            match self.pieces.next().await {
                Some(piece) => self.arrived.extend_from_slice(&piece?),
                None => return Ok(None),
            }
        }
    }
}

/// Nobody may move the cursor on the terminals of others.
fn text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    text.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_owned()
}
