//! Servers; each listener has a ring.

use std::net::TcpListener as StdTcpListener;

use futures_util::StreamExt;
use ringpool::buf::BufferPool;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::{Pool, Task, op};
use workload::Job;
use workload::compute::{HOT_LEN, HOT_STEPS, answer_hot};
use workload::http::{RESPONSE, whole_requests};

use crate::{AWAKE, busy_pool, pool};

/// Provided buffers of a ring.
const BUFFERS: usize = 256;

/// Sends back what it gets: one receive and one send a message.
pub(crate) fn echo(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, move |stream| echo_connection(stream, len));
}

/// The same on a ring that never sleeps.
pub(crate) fn echo_awake(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    let pool = busy_pool(listeners.len());
    serve_on(&pool, listeners, move |stream| echo_connection(stream, len));
}

async fn echo_connection(stream: TcpStream, len: usize) {
    let mut buffer = Vec::with_capacity(len);
    loop {
        buffer.clear();
        let count;
        (count, buffer) = stream.read(buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        ((), buffer) = stream.write_all(buffer).await.expect("the client is there");
    }
}

/// The same with one receive a connection, which the kernel completes again and again, each time
/// into another provided buffer, out of which the answer is sent. An idle connection has none.
pub(crate) fn echo_multishot(listeners: Vec<StdTcpListener>, job: &Job) {
    multishot_on(&pool(1, AWAKE), listeners, job);
}

/// The same on a ring that never sleeps.
pub(crate) fn echo_multishot_awake(listeners: Vec<StdTcpListener>, job: &Job) {
    multishot_on(&busy_pool(1), listeners, job);
}

fn multishot_on(pool: &Pool, listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    let [listener] = listeners.try_into().expect("there is one listener");
    pool.block_on(async {
        let buffers = BufferPool::new(BUFFERS, len).expect("this kernel has provided buffers");
        accept_all(listener, move |stream| multishot_connection(stream, buffers.clone())).await;
    });
}

async fn multishot_connection(stream: TcpStream, buffers: BufferPool) {
    let mut pieces = op::recv_multishot(&stream, &buffers, 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.expect("the client is there");
        stream.write_all(piece).await.expect("the client is there");
    }
}

/// Answers requests.
pub(crate) fn http(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, http_connection);
}

async fn http_connection(stream: TcpStream) {
    let (mut unread, mut answers) = (Vec::with_capacity(4096), Vec::new());
    loop {
        let count;
        (count, unread) = stream.read(unread).await.expect("the client is there");
        if count == 0 {
            return;
        }
        let (len, requests) = whole_requests(&unread);
        unread.drain(..len);
        answers.clear();
        (0..requests).for_each(|_| answers.extend_from_slice(RESPONSE));
        ((), answers) = stream.write_all(answers).await.expect("the client is there");
    }
}

/// A message a connection.
pub(crate) fn accept(listeners: Vec<StdTcpListener>, job: &Job) {
    let len = job.buffer_len();
    serve(listeners, move |stream| async move {
        let read = stream.read(Vec::with_capacity(len)).await;
        let (_, buffer) = read.expect("the client is there");
        stream.write_all(buffer).await.expect("the client is there");
    });
}

/// Computes for a while on each message.
pub(crate) fn hotspot(listeners: Vec<StdTcpListener>, _: &Job) {
    serve(listeners, hot_connection);
}

async fn hot_connection(stream: TcpStream) {
    let mut buffer = Vec::with_capacity(HOT_LEN);
    loop {
        buffer.clear();
        let count;
        (count, buffer) = stream.read(buffer).await.expect("the client is there");
        if count == 0 {
            return;
        }
        answer_hot(&mut buffer, HOT_STEPS);
        ((), buffer) = stream.write_all(buffer).await.expect("the client is there");
    }
}

/// On a ring for each listener: a task for each connection.
fn serve<T>(
    listeners: Vec<StdTcpListener>,
    task_of: impl Fn(TcpStream) -> T + Clone + Send + 'static,
) where
    T: Future<Output = ()> + Send + 'static,
{
    let pool = pool(listeners.len(), AWAKE);
    serve_on(&pool, listeners, task_of);
}

fn serve_on<T>(
    pool: &Pool,
    listeners: Vec<StdTcpListener>,
    task_of: impl Fn(TcpStream) -> T + Clone + Send + 'static,
) where
    T: Future<Output = ()> + Send + 'static,
{
    let on_each = pool.runtimes().iter().zip(listeners);
    let accepting = on_each.map(|(ring, one)| ring.spawn(accept_all(one, task_of.clone())));
    let accepting: Vec<Task<()>> = accepting.collect();
    accepting.into_iter().for_each(|task| task.wait().expect("it goes on"));
}

async fn accept_all<T>(listener: StdTcpListener, task_of: impl Fn(TcpStream) -> T)
where
    T: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).expect("it listens");
    // One accept, which the kernel completes again and again.
    let mut incoming = listener.incoming();
    while let Some(stream) = incoming.next().await {
        let stream = stream.expect("the client comes");
        stream.set_nodelay(true).expect("TCP has that");
        ringpool::spawn(task_of(stream)).detach();
    }
}
