//! Standard input, output and error, as a child process has them.
//!
//! Each test runs this program again, with pipes, files or a terminal in their places.

mod common;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::FutureExt;
use ringpool::io::{BufReader, BufWriter};
use ringpool::stdio::{stderr, stdin, stdout};
use ringpool::time::timeout;
use ringpool::{Pool, spawn, spawn_on, yield_now};

use common::{limit, rounds};

/// Names the part that a process of this program plays.
const PART: &str = "RINGPOOL_TEST_PART";

/// What is printed before a part begins, and what the test runner prints, is not looked at.
const BEGIN: &str = "<begin>";
const END: &str = "<end>";

/// The one test that the other processes run. On its own it looks at its own three.
#[test]
fn a_part_is_played() {
    let _limit = limit();
    let pool = Pool::new(2);
    match std::env::var(PART).as_deref() {
        Ok("echo") => pool.block_on(echo(|_| 0)),
        Ok("echo with dropped reads") => pool.block_on(echo(|round| round % 3)),
        Ok("buffered echo") => pool.block_on(buffered_echo()),
        Ok("many writers") => many_writers(&pool),
        Ok("dropped read") => pool.block_on(dropped_read()),
        Ok(other) => panic!("there is no part {other:?}"),
        Err(_) => {
            assert_eq!(stdin().as_raw_fd(), 0);
            assert_eq!(stdout().as_raw_fd(), 1);
            assert_eq!(stderr().as_raw_fd(), 2);
            let closed = pool.block_on(ringpool::op::close(stdout().shared_fd().clone()));
            assert!(closed.is_err(), "it is never closed");
        }
    }
    drop(pool);
    for number in 0..3 {
        // SAFETY: only the flags of a number are asked for.
        assert!(unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0, "{number} is open");
    }
}

/// Writes what it reads, until the end, giving up so many reads before each.
async fn echo(dropped: impl Fn(usize) -> usize) {
    stdout().write_all(BEGIN).await.unwrap();
    for round in 0.. {
        for moment in 0..dropped(round) {
            let read = stdin().read(Vec::with_capacity(5));
            match timeout(Duration::from_micros(moment as u64 * 20), read).await {
                Ok(read) => drop(stdout().write_all(read.unwrap().1).await.unwrap()),
                Err(_) => yield_now().await,
            }
        }
        let (count, bytes) = stdin().read(Vec::with_capacity(7)).await.unwrap();
        if count == 0 {
            break;
        }
        stdout().write_all(bytes).await.unwrap();
    }
    stdout().write_all(END).await.unwrap();
    stderr().write_all("nothing was lost").await.unwrap();
}

/// Writes what it reads, until the end, through buffers, and gives up reads and flushes between.
async fn buffered_echo() {
    stdout().write_all(BEGIN).await.unwrap();
    let mut reader = BufReader::with_capacity(7, stdin());
    let mut writer = BufWriter::with_capacity(11, stdout());
    for round in 0_usize.. {
        if round % 3 > 0 {
            let _ = timeout(Duration::from_micros(round as u64 % 50), reader.fill_buf()).await;
        }
        if round % 7 == 0 {
            // What it has not given up is read by whoever reads next, without a buffer too.
            let (_, unread) = reader.into_inner().await;
            assert!(unread.is_empty(), "nobody else reads");
            let (count, bytes) = stdin().read(Vec::with_capacity(3)).await.unwrap();
            writer.write_all(&bytes).await.unwrap();
            reader = BufReader::with_capacity(7, stdin());
            if count == 0 {
                break;
            }
        }
        let filled = reader.fill_buf().await.unwrap();
        let count = filled.len();
        writer.write_all(filled).await.unwrap();
        reader.consume(count);
        if count == 0 {
            break;
        }
        let _ = writer.flush().now_or_never();
    }
    writer.write_all(END.as_bytes()).await.unwrap();
    writer.flush().await.unwrap();
    stderr().write_all("nothing was lost").await.unwrap();
}

/// Lines of many tasks on two rings.
fn many_writers(pool: &Pool) {
    pool.block_on(async { stdout().write_all(BEGIN).await.unwrap() });
    let tasks: Vec<_> = (0..16_u8)
        .map(|task| {
            spawn_on(&pool.runtime(usize::from(task % 2)), async move {
                for _ in 0..10 {
                    let line = format!("{}\n", char::from(b'a' + task).to_string().repeat(5000));
                    stdout().write_all(line).await.unwrap();
                    // One that waits for its turn, and is dropped, says nothing.
                    let turn = stdout();
                    let given_up = spawn(async move { turn.write_all("").await.map(drop) });
                    drop(given_up);
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| task.wait().unwrap());
    pool.block_on(async { stdout().write_all(END).await.unwrap() });
}

/// Gives up a read, and lets a child have what comes.
async fn dropped_read() {
    for polls in 0..4 {
        let mut read = Box::pin(stdin().read([0; 64]));
        for _ in 0..polls {
            assert!(futures::poll!(&mut read).is_pending());
            yield_now().await;
        }
    }
    assert!(stdin().read([0; 64]).now_or_never().is_none());
    stdout().write_all(BEGIN).await.unwrap();
    let copied = ringpool::spawn_blocking(|| Command::new("cat").status()).await.unwrap().unwrap();
    assert!(copied.success());
    stdout().write_all(END).await.unwrap();
}

fn child(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a test is a program"));
    command
        .args(["--exact", "a_part_is_played", "--nocapture", "--test-threads=1"])
        .env(PART, part);
    command
}

/// What the part said.
fn said(output: &[u8]) -> String {
    let output = String::from_utf8_lossy(output);
    let (_, after) = output.split_once(BEGIN).unwrap_or_else(|| panic!("no begin in {output:?}"));
    let (inside, _) = after.split_once(END).unwrap_or_else(|| panic!("no end in {output:?}"));
    inside.to_owned()
}

/// What the child said, having been told `text` in pieces.
fn answer(mut child: Child, text: &str) -> String {
    let mut input = child.stdin.take().expect("it is a pipe");
    let text = text.to_owned();
    let writing = std::thread::spawn(move || {
        for piece in text.as_bytes().chunks(3) {
            input.write_all(piece).expect("the child reads to the end");
            std::thread::yield_now();
        }
    });
    let output = child.wait_with_output().expect("the child ends");
    writing.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was lost"));
    said(&output.stdout)
}

fn text() -> String {
    (0..500).map(|number| format!("line {number}, ")).collect()
}

fn with_pipes(part: &str) -> Command {
    let mut command = child(part);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn all_that_comes_through_a_pipe_is_read_and_written() {
    let _limit = limit();
    assert_eq!(answer(with_pipes("echo").spawn().unwrap(), &text()), text());
}

#[test]
fn no_byte_is_lost_to_reads_that_are_dropped() {
    let _limit = limit();
    assert_eq!(answer(with_pipes("echo with dropped reads").spawn().unwrap(), &text()), text());
}

#[test]
fn no_byte_is_lost_by_buffers() {
    let _limit = limit();
    assert_eq!(answer(with_pipes("buffered echo").spawn().unwrap(), &text()), text());
}

#[test]
fn pipes_that_do_not_block_stay_so_and_are_waited_for() {
    let _limit = limit();
    let (input, mut ours) = std::io::pipe().unwrap();
    let (mut theirs, output) = std::io::pipe().unwrap();
    for fd in [input.as_raw_fd(), output.as_raw_fd()] {
        // SAFETY: the descriptor is open; no memory is touched.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_NONBLOCK) }, 0);
    }
    let kept = input.try_clone().unwrap();
    let mut command = child("echo");
    let mut child = command.stdin(input).stdout(output).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let long = text().repeat(rounds(40));
    let expected = long.clone();
    let writing = std::thread::spawn(move || ours.write_all(long.as_bytes()).unwrap());
    let mut output = Vec::new();
    theirs.read_to_end(&mut output).unwrap();
    writing.join().unwrap();
    // The runner of tests may fail to print where nobody waits for room; the part is what counts.
    child.wait().unwrap();
    assert!(said(&output) == expected);
    // SAFETY: only the flags are asked for.
    let flags = unsafe { libc::fcntl(kept.as_raw_fd(), libc::F_GETFL) };
    assert_ne!(flags & libc::O_NONBLOCK, 0, "others rely on it");
}

#[test]
fn files_are_read_and_written_at_their_position() {
    let _limit = limit();
    let mut files: Vec<File> = (0..2).map(|_| unnamed_file()).collect();
    files[0].write_all(text().as_bytes()).unwrap();
    files[0].seek(std::io::SeekFrom::Start(5)).unwrap();
    files[1].write_all(b"kept").unwrap();
    let [input, output] = [0, 1].map(|index: usize| files[index].try_clone().unwrap());
    let status = child("echo").stdin(input).stdout(output).stderr(Stdio::null()).status().unwrap();
    assert!(status.success());
    let mut written = Vec::new();
    files[1].rewind().unwrap();
    files[1].read_to_end(&mut written).unwrap();
    assert!(written.starts_with(b"kept"));
    assert_eq!(said(&written), text()[5..]);
}

fn unnamed_file() -> File {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_TMPFILE);
    options.open(std::env::temp_dir()).expect("the file system has unnamed files")
}

#[test]
fn what_many_tasks_write_is_not_mixed() {
    let _limit = limit();
    let output = child("many writers").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = said(&output.stdout);
    let mut lines: Vec<&str> = said.lines().collect();
    assert!(lines.iter().all(|line| line.len() == 5000));
    assert!(lines.iter().all(|line| line.chars().all(|letter| line.starts_with(letter))));
    lines.sort_unstable();
    lines.dedup();
    assert_eq!((said.lines().count(), lines.len()), (160, 16));
}

#[test]
fn a_read_that_was_dropped_takes_nothing_from_others() {
    let _limit = limit();
    let mut child = with_pipes("dropped read").spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(BEGIN) {
        let mut some = [0; 64];
        let count = output.read(&mut some).unwrap();
        assert!(count > 0, "the child says when it has given up");
        heard.extend_from_slice(&some[..count]);
    }
    child.stdin.take().unwrap().write_all(text().as_bytes()).unwrap();
    output.read_to_end(&mut heard).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said(&heard), text());
}

#[test]
fn a_terminal_gives_lines_and_its_end() {
    let _limit = limit();
    let (ours, theirs) = terminal();
    let input = theirs.try_clone().unwrap();
    let mut command = child("echo with dropped reads");
    let mut child =
        command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut ours = File::from(ours);
    ours.write_all(b"salt\npepper\n").unwrap();
    // Control-D ends the input.
    ours.write_all(b"\x04").unwrap();
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    child.wait().unwrap();
    assert_eq!(said(&output), "salt\npepper\n");
}

/// The two ends of a new terminal: who types, and who is typed to.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let none = std::ptr::null_mut();
    // SAFETY: both places are there for the call; no name, settings or size is asked for.
    let opened =
        unsafe { libc::openpty(&raw mut ours, &raw mut theirs, none, none.cast(), none.cast()) };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: both have just been opened for us.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}
