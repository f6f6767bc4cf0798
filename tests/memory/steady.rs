//! What goes on and on takes no new memory once it is going.
//!
//! Without the free lists, which are what a sanitizer has to do without, it does.

use std::future::Future;
use std::time::Duration;

use futures::StreamExt;
use ringpool::buf::BufferPool;
use ringpool::fs::File;
use ringpool::net::{TcpListener, TcpStream};
use ringpool::{
    Channel, Pool, Runtime, op, spawn, spawn_blocking, spawn_on, switch_to, time, yield_now,
};

use crate::common::*;
use crate::{COUNTED, alone};

/// Turns before it counts: lists, tables and free lists have grown to what they need.
const WARM_UP: usize = 300;
const TURNS: usize = 1_000;

/// How often memory was allocated in so many turns, by all threads.
async fn allocations_of<F: Future<Output = ()>>(mut turn: impl FnMut() -> F) -> usize {
    for _ in 0..WARM_UP {
        turn().await;
    }
    let before = COUNTED.allocations();
    for _ in 0..TURNS {
        turn().await;
    }
    COUNTED.allocations() - before
}

/// Panics if that was more than once in a hundred turns: a list may grow once more.
fn assert_steady(what: &str, allocations: usize) {
    assert!(allocations <= TURNS / 100, "{what}: {allocations} allocations in {TURNS} turns");
}

async fn tasks(here: &Runtime, there: &Runtime) {
    let spawned = allocations_of(|| async {
        spawn(async { 1 }).detach();
        yield_now().await;
    });
    assert_steady("spawn and detach", spawned.await);
    let awaited = allocations_of(|| async { assert_eq!(spawn(async { 1 }).await.unwrap(), 1) });
    assert_steady("spawn and await", awaited.await);
    let placed = allocations_of(|| async { spawn_on(there, async {}).await.unwrap() }).await;
    assert_steady("spawn_on and await", placed);
    let moved = allocations_of(|| async {
        switch_to(there).await.unwrap();
        switch_to(here).await.unwrap();
    });
    assert_steady("switch_to", moved.await);
    let slept = allocations_of(|| time::sleep(Duration::from_micros(1))).await;
    assert_steady("sleep", slept);
}

async fn channels(there: &Runtime) {
    let (there_to, there_from) = Channel::bounded(4).split();
    let (back_to, back_from) = Channel::bounded(4).split();
    let echo = spawn_on(there, async move {
        while let Ok(item) = there_from.recv().await {
            back_to.send(item).await.unwrap();
        }
    });
    let sent = allocations_of(|| async {
        there_to.send(1_u64).await.unwrap();
        assert_eq!(back_from.recv().await.unwrap(), 1);
    });
    assert_steady("a channel to the other ring and back", sent.await);
    drop(there_to);
    echo.await.unwrap();
}

async fn reads() {
    // There wherever the test runs.
    let file = File::open(std::env::current_exe().unwrap()).await.unwrap();
    let mut buffer = Some(vec![0; 64]);
    let mut count = 0;
    for turn in 0..WARM_UP + TURNS {
        if turn == WARM_UP {
            count = COUNTED.allocations();
        }
        let (read, bytes) = file.read_at(buffer.take().unwrap(), 0).await.unwrap();
        assert_eq!(read, 64);
        buffer = Some(bytes);
    }
    assert_steady("a read of a file", COUNTED.allocations() - count);
}

/// A connection whose other end sends back what it gets, by single receives or a multishot one.
async fn connection(there: &Runtime, is_multishot: bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn_on(there, async move {
        let (stream, _) = listener.accept().await.unwrap();
        if is_multishot { echo_multishot(stream).await } else { echo(stream).await }
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut buffer, mut count) = (vec![7; 64], 0);
    for turn in 0..WARM_UP + TURNS {
        if turn == WARM_UP {
            count = COUNTED.allocations();
        }
        ((), buffer) = stream.write_all(buffer).await.unwrap();
        ((), buffer) = stream.read_exact(buffer).await.unwrap();
    }
    assert_steady("a message and its echo", COUNTED.allocations() - count);
    drop(stream);
    server.await.unwrap();
}

async fn echo(stream: TcpStream) {
    let mut buffer = Vec::with_capacity(64);
    loop {
        buffer.clear();
        let count;
        (count, buffer) = stream.read(buffer).await.unwrap();
        if count == 0 {
            return;
        }
        ((), buffer) = stream.write_all(buffer).await.unwrap();
    }
}

async fn echo_multishot(stream: TcpStream) {
    let buffers = BufferPool::new(8, 64).unwrap();
    let mut pieces = op::recv_multishot(&stream, &buffers, 0);
    while let Some(piece) = pieces.next().await {
        stream.write_all(piece.unwrap()).await.unwrap();
    }
}

#[test]
fn what_goes_on_and_on_allocates_nothing() {
    let (_alone, _limit) = (alone(), limit());
    let pool = Pool::new(2);
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        tasks(&here, &there).await;
        channels(&there).await;
        reads().await;
        connection(&there, false).await;
        connection(&there, true).await;
        let called =
            allocations_of(|| async { assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1) });
        let called = called.await;
        // The queue to the threads takes memory for 31 closures at a time.
        assert!(called <= TURNS / 20, "spawn_blocking: {called} allocations in {TURNS} turns");
    });
}
