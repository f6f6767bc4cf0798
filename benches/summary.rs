mod common;
use common::*;
use common::runtimes::Waiting;
use common::measure::Cost;

fn main() {
    let arg: Vec<String> = std::env::args().collect();
    let which = &arg[1];
    let n: u64 = arg[2].parse().unwrap();
    let cost: Cost = match which.as_str() {
        "spawn" => hops::ringpool_spawn_on(Waiting::Default, n),
        "spawn0" => hops::ringpool_spawn_on(Waiting::Asleep, n),
        "spawng" => hops::ringpool_spawn_on_after_gap(n),
        "switch" => hops::ringpool_switch(Waiting::Default, n),
        "switch0" => hops::ringpool_switch(Waiting::Asleep, n),
        "switchg" => hops::ringpool_switch_after_gap(n),
        "tspawn" => hops::tokio_spawn_on(n),
        "tspawng" => hops::tokio_spawn_on_after_gap(n),
        "batch" => hops::ringpool_batch(n),
        "tbatch" => hops::tokio_batch(n),
        "local" => local::ringpool_spawn(n),
        "tlocal" => local::tokio_spawn(n),
        "yield" => local::ringpool_yield(n),
        "tyield" => local::tokio_yield(n),
        "timer" => local::ringpool_timer(n),
        "ttimer" => local::tokio_timer(n),
        "blocking" => local::ringpool_blocking(Waiting::Default, n),
        "blocking0" => local::ringpool_blocking(Waiting::Asleep, n),
        "tblocking" => local::tokio_blocking(n),
        _ => panic!(),
    };
    let n = if which.ends_with("batch") { n * hops::BATCH } else { n };
    println!("{which:10} wall {:>9.1} ns cpu {:>9.1} ns", cost.wall.as_nanos() as f64 / n as f64, cost.cpu.as_nanos() as f64 / n as f64);
}
