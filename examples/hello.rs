//! Two rings, a task on the other one, and a value that comes back.

use ringpool::{Pool, current, spawn_on, switch_to};

fn main() -> std::io::Result<()> {
    let pool = Pool::new(2);
    let there = pool.runtime(1);
    pool.block_on(async {
        let answer = spawn_on(&there, async { 6 * 7 }).await?;
        println!("ring {} says {answer}", there.index());
        switch_to(&there).await?;
        let here = current().expect("a task is always on a ring");
        println!("and this task is on ring {} now", here.index());
        Ok(())
    })
}
