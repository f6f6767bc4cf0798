//! A run of everything together leaves no memory, no pinned memory and no descriptor behind.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::time::Duration;

use futures::StreamExt;
use ringpool::buf::{BufferPool, RegisteredBuffers};
use ringpool::net::{TcpListener, TcpStream};
use ringpool::op::{self, DirectFd, SharedFd};
use ringpool::task::{TaskGroup, scope};
use ringpool::{
    Channel, Doorbell, Pool, Runtime, spawn, spawn_blocking, spawn_on, switch_to, time,
};

use crate::common::*;
use crate::{COUNTED, alone};

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs is there").count()
}

/// How much memory of this process is pinned.
fn pinned() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs is there");
    status.lines().find(|line| line.starts_with("VmPin:")).expect("it is listed").to_owned()
}

/// A file, read into buffers of every kind, through a descriptor of each kind.
async fn files(round: usize) {
    let path = std::env::temp_dir().join(format!("ringpool-mixed-{}-{round}", std::process::id()));
    let flags = libc::O_CREAT | libc::O_RDWR | libc::O_TRUNC;
    let file = op::openat2(None, &path, flags, 0o600).await.unwrap();
    op::write(&file, vec![7; 5000]).await.unwrap();
    let direct = DirectFd::register(&file).await.unwrap();
    let registered = RegisteredBuffers::new(2, 4096).unwrap();
    let fixed = op::read_fixed_at(&direct, registered.take().unwrap(), 0).await.unwrap();
    let parts = op::readv_at(&file, vec![vec![0; 100]; 3], 0).await.unwrap();
    assert_eq!((fixed.0, parts.0), (4096, 300));
    let (written, synced) = op::write_at(&direct, vec![9; 4], 0).link(op::fsync(&direct)).await;
    synced.unwrap();
    written.unwrap();
    assert_eq!(ringpool::fs::read(&path).await.unwrap().len(), 5000);
    ringpool::fs::remove_file(&path).await.unwrap();
}

/// A connection between two rings, with buffers of a pool and without copies.
async fn connections(there: &Runtime) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = spawn_on(there, async move {
        let peer = TcpStream::connect(address).await.unwrap();
        let (count, _) = op::send_zc(&peer, vec![8; 3000], 0).await.unwrap();
        op::shutdown(&peer, Shutdown::Write).await.unwrap();
        // The buffer of the send may still be with the kernel when its task ends.
        (count, peer)
    });
    let (connection, _) = listener.accept().await.unwrap();
    let buffers = BufferPool::new(4, 512).unwrap();
    let mut pieces = op::recv_multishot(&connection, &buffers, 0);
    let mut received = 0;
    while let Some(piece) = pieces.next().await {
        received += piece.unwrap().len();
    }
    assert_eq!(received, client.await.unwrap().0);
    drop(op::accept(&listener));
    let late = listener.accept();
    assert!(time::timeout(Duration::from_micros(100), late).await.is_err());
}

/// What is dropped, cancelled or limited while the kernel has it.
async fn given_up() {
    let (reader, writer) = io::pipe().unwrap();
    let reader = SharedFd::from(OwnedFd::from(reader));
    let mut dropped = op::read(&reader, vec![0; 1000]);
    assert!(poll_once(&mut dropped, &own_waker().await).is_pending());
    drop(dropped);
    let mut cancelled = op::read(&reader, vec![0; 1000]);
    assert!(poll_once(&mut cancelled, &own_waker().await).is_pending());
    assert!(cancelled.cancel().await.is_err());
    let limited = op::read(&reader, vec![0; 1000]).timeout(Duration::from_micros(100));
    assert!(limited.await.is_err());
    let same = reader.clone();
    let task = spawn(async move { op::read(&same, vec![0; 1000]).await.map(drop) });
    ringpool::yield_now().await;
    task.cancel().await;
    drop(writer);
    assert_eq!(op::read(&reader, vec![0; 10]).await.unwrap().0, 0);
}

/// Tasks that move, items that are passed on, and work off the rings.
async fn moves(here: &Runtime, there: &Runtime) {
    let (items, to_count) = Channel::bounded(4).split();
    let sender = spawn_on(there, async move {
        for number in 0..50_u64 {
            items.send(vec![number; 10]).await.unwrap();
        }
    });
    let mut sum = 0;
    while let Ok(item) = to_count.recv().await {
        sum += item[0];
    }
    sender.await.unwrap();
    switch_to(there).await.unwrap();
    time::sleep(Duration::from_micros(10)).await;
    switch_to(here).await.unwrap();
    assert_eq!(spawn_blocking(move || sum).await.unwrap(), 1225);
}

/// Groups that end in every way, and a scope.
async fn groups(there: &Runtime) {
    for ends in 0..3 {
        let group = TaskGroup::with_limit(4);
        for number in 0..20_usize {
            group.spawn_on(there, async move {
                if number % 5 == 0 {
                    time::sleep(Duration::from_secs(3600)).await;
                }
                vec![number; 10]
            });
        }
        drop(group.next().await);
        match ends {
            0 => group.cancel().await,
            1 => drop(group),
            _ => {
                let waiter = spawn_on(there, async move { group.wait_all().await.len() });
                ringpool::yield_now().await;
                assert_eq!(waiter.cancel().await, None);
            }
        }
    }
    let outputs = scope(async |scope| {
        let children: Vec<_> = (0..5).map(|number| scope.spawn(async move { number })).collect();
        futures::future::join_all(children).await
    });
    assert_eq!(outputs.await.len(), 5);
}

/// What is left of so many rounds of everything when their pool has gone.
fn left_of(rounds: usize, doorbell: Doorbell) -> isize {
    let (descriptors, pinned_before) = (open_descriptors(), pinned());
    let before = COUNTED.allocated().cast_signed();
    let pool = Pool::builder().threads(2).doorbell(doorbell).build().unwrap();
    let (here, there) = (pool.runtime(0), pool.runtime(1));
    pool.block_on(async {
        for round in 0..rounds {
            files(round).await;
            connections(&there).await;
            given_up().await;
            moves(&here, &there).await;
            groups(&there).await;
        }
    });
    drop((pool, here, there));
    until(|| threads_named("ringpool").is_empty());
    let left = COUNTED.allocated().cast_signed() - before;
    until(|| open_descriptors() == descriptors && pinned() == pinned_before);
    left
}

#[test]
fn a_run_of_everything_leaves_no_memory_no_pinned_memory_and_no_descriptor() {
    let (_alone, _limit) = (alone(), limit());
    for doorbell in [Doorbell::Automatic, Doorbell::EventFd] {
        // What a process keeps for good, it takes at the first time.
        left_of(1, doorbell);
        let (few, many) = (left_of(2, doorbell), left_of(60, doorbell));
        // The address of each ring stays: it is never freed, and does not grow with the rounds.
        assert!(many < few + 4096, "{few} bytes are left of 2 rounds, {many} of 60: {doorbell:?}");
        println!("{few} bytes are left of 2 rounds, {many} of 60: {doorbell:?}");
    }
}
