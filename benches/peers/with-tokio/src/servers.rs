//! Servers; each listener has a thread.

use std::io::ErrorKind;
use std::net::TcpListener as StdTcpListener;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};

use crate::Threads;

/// Sends back what it gets.
pub fn echo<T: Threads>(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve::<T, _>(listeners, move |stream| echo_connection(stream, len));
}

/// Until the client goes.
async fn echo_connection(mut stream: TcpStream, len: usize) {
    let mut buffer = Vec::with_capacity(len);
    loop {
        buffer.clear();
        if stream.read_buf(&mut buffer).await.expect("the client is there") == 0 {
            return;
        }
        stream.write_all(&buffer).await.expect("the client is there");
    }
}

/// The same of connections that are idle mostly: they have no buffer until there is something to
/// read.
pub fn connections<T: Threads>(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve::<T, _>(listeners, move |stream| idle_connection(stream, len));
}

/// Until the client goes.
async fn idle_connection(mut stream: TcpStream, len: usize) {
    loop {
        stream.readable().await.expect("the client is there");
        let mut buffer = Vec::with_capacity(len);
        match stream.try_read_buf(&mut buffer) {
            Ok(0) => return,
            Ok(_) => stream.write_all(&buffer).await.expect("the client is there"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "the client is there"),
        }
    }
}

/// Answers requests.
pub fn http<T: Threads>(listeners: Vec<StdTcpListener>, _: &Job) {
    serve::<T, _>(listeners, http_connection);
}

/// Until the client goes.
async fn http_connection(mut stream: TcpStream) {
    let (mut unread, mut answers) = (Vec::with_capacity(4096), Vec::new());
    loop {
        if stream.read_buf(&mut unread).await.expect("the client is there") == 0 {
            return;
        }
        let (len, requests) = whole_requests(&unread);
        unread.drain(..len);
        answers.clear();
        (0..requests).for_each(|_| answers.extend_from_slice(RESPONSE));
        stream.write_all(&answers).await.expect("the client is there");
    }
}

/// A message a connection.
pub fn accept<T: Threads>(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve::<T, _>(listeners, move |mut stream| async move {
        let mut buffer = Vec::with_capacity(len);
        stream.read_buf(&mut buffer).await.expect("the client is there");
        stream.write_all(&buffer).await.expect("the client is there");
    });
}

/// Computes for a while on each message.
pub fn hotspot<T: Threads>(listeners: Vec<StdTcpListener>, _: &Job) {
    serve::<T, _>(listeners, hot_connection);
}

/// Until the client goes.
async fn hot_connection(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(HOT_LEN);
    loop {
        buffer.clear();
        if stream.read_buf(&mut buffer).await.expect("the client is there") == 0 {
            return;
        }
        answer_hot(&mut buffer, HOT_STEPS);
        stream.write_all(&buffer).await.expect("the client is there");
    }
}

/// On a thread for each listener: a task for each connection.
fn serve<T: Threads, F>(
    listeners: Vec<StdTcpListener>,
    task_of: impl Fn(TcpStream) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let threads = T::start(listeners.len());
    let on_each = listeners.into_iter().enumerate();
    let accepting = on_each.map(|(thread, listener)| {
        threads.handle(thread).spawn(accept_all(listener, task_of.clone()))
    });
    let accepting: Vec<_> = accepting.collect();
    for task in accepting {
        threads.handle(0).block_on(task).expect("it goes on");
    }
}

/// Spawns a task for each connection that comes.
async fn accept_all<F>(listener: StdTcpListener, task_of: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    listener.set_nonblocking(true).expect("it listens");
    let listener = TcpListener::from_std(listener).expect("it listens");
    loop {
        let (stream, _) = listener.accept().await.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        tokio::spawn(task_of(stream));
    }
}
