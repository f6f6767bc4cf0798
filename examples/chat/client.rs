//! One client: a task that listens to it, and one that tells it what the others say.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use ringpool::buf::{BufferPool, PooledBuffer};
use ringpool::net::{Shutdown, TcpStream};
use ringpool::{Receiver, op, spawn, time};

use crate::lines::Lines;
use crate::room::{Line, Member, Room};

const NAME_CHARACTERS: usize = 32;
/// What is written at once, if as much waits.
const BLOCK_BYTES: usize = 16 * 1024;
/// How long a client may take to read the last lines before its connection is closed.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves a client until it leaves, on the ring that `buffers` belong to.
pub(crate) async fn serve(stream: TcpStream, room: &Room, buffers: &BufferPool) -> io::Result<()> {
    let stream = Arc::new(stream);
    // Nothing of it is in memory while the client is silent: the kernel takes a buffer out of the
    // pool only when it has something to put into it.
    let mut lines = Lines::new(op::recv_multishot(&*stream, buffers, 0));
    stream.write_all("Welcome! What is your name?\n").await?;
    let Some((member, waiting)) = introduce(&stream, room, &mut lines).await? else {
        return Ok(());
    };
    let telling = spawn(tell(stream.clone(), waiting));
    room.tell_others(&member, format!("* {} is here\n", member.name));
    let listened = listen(&member, room, &mut lines).await;
    room.leave(&member);
    room.tell_others(&member, format!("* {} has left\n", member.name));
    // With the last who could send lines to it the channel closes; those that wait are still told,
    // if there is still somebody who listens.
    drop(member);
    let _ = time::timeout(GOODBYE, telling).await;
    listened
}

/// Asks for a name until there is a good one; none if the client leaves.
async fn introduce(
    stream: &Arc<TcpStream>,
    room: &Room,
    lines: &mut Lines<impl Stream<Item = io::Result<PooledBuffer>> + Unpin>,
) -> io::Result<Option<(Arc<Member>, Receiver<Line>)>> {
    while let Some(name) = lines.next().await? {
        let is_good = (1..=NAME_CHARACTERS).contains(&name.chars().count());
        let entered = is_good.then(|| room.enter(&name, stream.clone())).flatten();
        if let Some((member, waiting)) = entered {
            member.tell(&present(room));
            return Ok(Some((member, waiting)));
        }
        let reply = if is_good {
            String::from("This name is taken. Another one?\n")
        } else {
            format!("A name has 1 to {NAME_CHARACTERS} characters. Yours?\n")
        };
        stream.write_all(reply).await?;
    }
    Ok(None)
}

fn present(room: &Room) -> Line {
    Line::from(format!("* here: {}\n", room.names().join(", ")))
}

/// Passes on what the client says, until it leaves.
async fn listen(
    member: &Member,
    room: &Room,
    lines: &mut Lines<impl Stream<Item = io::Result<PooledBuffer>> + Unpin>,
) -> io::Result<()> {
    while let Some(line) = lines.next().await? {
        match line.as_str() {
            "" => {}
            "/quit" => return Ok(()),
            "/who" => member.tell(&present(room)),
            _ => room.tell_others(member, format!("{}: {line}\n", member.name)),
        }
    }
    Ok(())
}

/// Writes the lines that wait, as many at once as there are, until no more will come.
async fn tell(stream: Arc<TcpStream>, waiting: Receiver<Line>) -> io::Result<()> {
    let mut block = String::new();
    while let Ok(line) = waiting.recv().await {
        block.clear();
        block.push_str(&line);
        while block.len() < BLOCK_BYTES {
            let Ok(line) = waiting.try_recv() else { break };
            block.push_str(&line);
        }
        ((), block) = stream.write_all(block).await?;
    }
    stream.shutdown(Shutdown::Write)
}
