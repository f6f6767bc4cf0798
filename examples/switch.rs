//! One task on two rings: it moves with all it holds, pays a visit, and counts what that costs.

use std::time::Instant;

use ringpool::fs::File;
use ringpool::{Pool, Runtime, current, run_on, switch_to};

const TRIPS: u32 = 10_000;

/// The ring that the calling task is on.
fn here() -> usize {
    current().expect("a task is always on a ring").index()
}

async fn travel(home: &Runtime, there: &Runtime) -> std::io::Result<()> {
    let file = File::open("/proc/version").await?;
    println!("ring {} opened a file", here());

    // The task moves, and its variables with it. The file belongs to no ring.
    switch_to(there).await?;
    let (count, text) = file.read_at(vec![0; 64], 0).await?;
    let text = String::from_utf8_lossy(&text[..count]);
    println!("ring {} read from it: {}", here(), text.split(' ').next().unwrap_or(""));

    // Only for one thing, and back whatever comes of it.
    let visited = run_on(home, async { here() }).await?;
    println!("ring {visited} was visited from ring {}", here());

    let start = Instant::now();
    for _ in 0..TRIPS {
        switch_to(home).await?;
        switch_to(there).await?;
    }
    println!("there and back takes {:?}", start.elapsed() / TRIPS);
    Ok(())
}

fn main() -> std::io::Result<()> {
    let pool = Pool::new(2);
    pool.block_on(travel(&pool.runtime(0), &pool.runtime(1)))?;
    let migrations = pool.runtimes().iter().map(|ring| ring.metrics().migrations);
    println!("{} migrations in all", migrations.sum::<u64>());
    Ok(())
}
