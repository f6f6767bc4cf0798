//! Metrics as text for Prometheus, in its [text format], version 0.0.4.
//!
//! [text format]: https://prometheus.io/docs/instrumenting/exposition_formats/

use std::fmt::{self, Display, Write};

use super::operations::OperationCounts;
use super::poll_times::PollTimes;
use super::pool::PoolMetrics;
use super::runtime::RuntimeMetrics;

/// The content type with which the text of [`PoolMetrics::to_prometheus`] is to be served.
pub const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl PoolMetrics {
    /// All of it as text for Prometheus, each ring by its label `ring`.
    ///
    /// The histogram `ringpool_poll_seconds` is one of samples: see [`PollTimes`].
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() {
    /// let pool = ringpool::Pool::new(1);
    /// let text = pool.metrics().to_prometheus();
    /// assert!(text.contains("ringpool_tasks_alive{ring=\"0\"} 0\n"));
    /// # }
    /// ```
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        self.write_prometheus(&mut text).expect("a string takes all that is written to it");
        text
    }

    /// The same, written to `out`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_prometheus(&self, out: &mut impl Write) -> fmt::Result {
        let mut exposition = Exposition { out, rings: &self.rings };
        exposition.tasks()?;
        exposition.poll_times()?;
        exposition.messages()?;
        exposition.operations()?;
        exposition.kernel()?;
        exposition.times()?;
        exposition.alone(Gauge, "blocking_threads", BLOCKING_THREADS, self.blocking.threads)?;
        exposition.alone(Gauge, "blocking_queued", BLOCKING_QUEUED, self.blocking.queued)
    }
}

const BLOCKING_THREADS: &str = "Threads for blocking work, busy or idle.";
const BLOCKING_QUEUED: &str = "Jobs that wait for a thread.";

/// What Prometheus is to make of a number.
#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

use Kind::{Counter, Gauge, Histogram};

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Counter => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        })
    }
}

/// Text that is being written.
struct Exposition<'a, W> {
    out: &'a mut W,
    rings: &'a [RuntimeMetrics],
}

impl<W: Write> Exposition<'_, W> {
    fn head(&mut self, kind: Kind, name: &str, help: &str) -> fmt::Result {
        writeln!(self.out, "# HELP ringpool_{name} {help}\n# TYPE ringpool_{name} {kind}")
    }

    fn alone(&mut self, kind: Kind, name: &str, help: &str, value: impl Display) -> fmt::Result {
        self.head(kind, name, help)?;
        writeln!(self.out, "ringpool_{name} {value}")
    }

    /// A number of each ring.
    fn each<V: Display>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        value: impl Fn(&RuntimeMetrics) -> V,
    ) -> fmt::Result {
        self.head(kind, name, help)?;
        for (ring, metrics) in self.rings.iter().enumerate() {
            writeln!(self.out, "ringpool_{name}{{ring=\"{ring}\"}} {}", value(metrics))?;
        }
        Ok(())
    }

    /// A number of each family of operations of each ring.
    fn each_family(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        value: impl Fn(OperationCounts) -> u64,
    ) -> fmt::Result {
        self.head(kind, name, help)?;
        for (ring, metrics) in self.rings.iter().enumerate() {
            for (family, counts) in metrics.operations.iter() {
                let (family, value) = (family.name(), value(counts));
                writeln!(
                    self.out,
                    "ringpool_{name}{{ring=\"{ring}\",family=\"{family}\"}} {value}"
                )?;
            }
        }
        Ok(())
    }

    fn tasks(&mut self) -> fmt::Result {
        self.each(Gauge, "tasks_ready", "Tasks that are ready to run.", |ring| ring.tasks_ready)?;
        self.each(Gauge, "tasks_alive", "Tasks that live on the ring.", |ring| ring.tasks_alive)?;
        let help = "Tasks spawned by tasks of the ring.";
        self.each(Counter, "tasks_spawned_total", help, |ring| ring.tasks_spawned)?;
        let help = "Tasks that ended on the ring.";
        self.each(Counter, "tasks_finished_total", help, |ring| ring.tasks_finished)?;
        let help = "Tasks that came from elsewhere.";
        self.each(Counter, "arrivals_total", help, |ring| ring.arrivals)?;
        let help = "Tasks that switched to another ring.";
        self.each(Counter, "migrations_total", help, |ring| ring.migrations)?;
        // What is taken back is subtracted.
        let help = "Tasks given to other rings, or laid out for them, to even out the load.";
        self.each(Gauge, "sheds_out", help, |ring| ring.sheds_out)?;
        let help = "Tasks that other rings gave to even out the load.";
        self.each(Counter, "sheds_in_total", help, |ring| ring.sheds_in)?;
        self.each(Counter, "polls_total", "Polls of tasks.", |ring| ring.polls)
    }

    fn poll_times(&mut self) -> fmt::Result {
        let name = "poll_seconds";
        self.head(Histogram, name, "How long polls of tasks take, of those that were timed.")?;
        for (ring, metrics) in self.rings.iter().enumerate() {
            let times = metrics.poll_times;
            let mut up_to_here = 0;
            for (bucket, count) in times.buckets.into_iter().enumerate() {
                up_to_here += count;
                let bound = PollTimes::upper_bound(bucket)
                    .map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
                let labels = format_args!("ring=\"{ring}\",le=\"{bound}\"");
                writeln!(self.out, "ringpool_{name}_bucket{{{labels}}} {up_to_here}")?;
            }
            let sum = times.sum.as_secs_f64();
            writeln!(self.out, "ringpool_{name}_sum{{ring=\"{ring}\"}} {sum}")?;
            writeln!(self.out, "ringpool_{name}_count{{ring=\"{ring}\"}} {up_to_here}")?;
        }
        let help = "One poll in so many is timed for ringpool_poll_seconds.";
        self.alone(Gauge, "poll_sampled_one_in", help, PollTimes::default().sampled_one_in)
    }

    fn messages(&mut self) -> fmt::Result {
        let help = "Messages put into inboxes by the ring.";
        self.each(Counter, "messages_sent_total", help, |ring| ring.messages_sent)?;
        let help = "Messages taken from the inbox of the ring.";
        self.each(Counter, "messages_received_total", help, |ring| ring.messages_received)?;
        let help = "Messages put into the inbox of the ring by threads without one.";
        self.each(Counter, "messages_from_outside_total", help, |ring| ring.messages_from_outside)?;
        let help = "Times the ring woke another.";
        self.each(Counter, "doorbells_sent_total", help, |ring| ring.doorbells_sent)?;
        let (name, help) = ("doorbells_from_outside_total", "Times threads without one woke it.");
        self.each(Counter, name, help, |ring| ring.doorbells_from_outside)?;
        let help = "Times the ring was woken by others.";
        self.each(Counter, "doorbells_received_total", help, |ring| ring.doorbells_received)
    }

    fn operations(&mut self) -> fmt::Result {
        let help = "Operations handed to the kernel.";
        self.each_family(Counter, "operations_started_total", help, |of| of.started)?;
        let help = "Operations whose last completion was reaped.";
        self.each_family(Counter, "operations_completed_total", help, |of| of.completed)?;
        let help = "Operations that the kernel has.";
        self.each_family(Gauge, "operations_in_flight", help, |of| of.in_flight)
    }

    fn kernel(&mut self) -> fmt::Result {
        let help = "Times completions were reaped while the kernel kept back more.";
        self.each(Counter, "completion_overflows_total", help, |ring| ring.completion_overflows)?;
        let help = "Completions that the kernel had no memory for.";
        self.each(Counter, "completions_lost_total", help, |ring| ring.completions_lost)?;
        self.each(Gauge, "timers", "Timers that have not fired.", |ring| ring.timers)?;
        self.each(Counter, "timers_fired_total", "Timers that have.", |ring| ring.timers_fired)?;
        self.each(Counter, "enters_total", "System calls on the ring.", |ring| ring.enters)?;
        self.each(Counter, "sleeps_total", "Times the thread went to sleep.", |ring| ring.sleeps)?;
        let help = "Times it waited awake before it would have slept.";
        self.each(Counter, "spins_total", help, |ring| ring.spins)?;
        self.each(Counter, "spins_paid_total", "Those that met a message.", |ring| {
            ring.spins_paid
        })?;
        let help = "Those that met nothing.";
        self.each(Counter, "spins_in_vain_total", help, |ring| ring.spins_in_vain)
    }

    fn times(&mut self) -> fmt::Result {
        let help = "Time asleep.";
        self.each(Counter, "asleep_seconds_total", help, |ring| ring.asleep.as_secs_f64())?;
        let help = "Time spent waiting awake.";
        self.each(Counter, "spinning_seconds_total", help, |ring| ring.spinning.as_secs_f64())?;
        let help = "Time since the ring started.";
        self.each(Counter, "running_seconds_total", help, |ring| ring.running.as_secs_f64())
    }
}
