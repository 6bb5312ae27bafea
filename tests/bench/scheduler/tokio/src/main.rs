//! Tokio's side, see side.h. `tokio_side WORKERS`: one is its current_thread runtime, more are
//! its multi_thread one. There the loads run in a task, as the thread in block_on is no worker;
//! for the wakes it is the one that waits.
use std::future::Future;
use std::hint::spin_loop;
use std::io::{BufRead, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{spawn, yield_now, JoinHandle};

async fn spawn_await(tasks: usize) {
    for _ in 0..tasks {
        spawn(async {}).await.unwrap();
    }
}

async fn await_all(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        handle.await.unwrap();
    }
}

async fn batch(tasks: usize) {
    let mut handles = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        handles.push(spawn(async {}));
    }
    await_all(handles).await;
}

async fn yield_among(tasks: usize, yields: usize) {
    let mut handles = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        handles.push(spawn(async move {
            for _ in 0..yields {
                yield_now().await;
            }
        }));
    }
    await_all(handles).await;
}

fn fibonacci(n: usize) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let left = spawn(fibonacci(n - 1));
        let right = spawn(fibonacci(n - 2));
        left.await.unwrap() + right.await.unwrap()
    })
}

async fn fork_join(n: usize) {
    spawn(fibonacci(n)).await.unwrap();
}

const RUNNING: u32 = 1;
const WAITS: u32 = 2;

fn spin_until(state: &AtomicU32, wanted: u32) {
    while state.load(Ordering::Acquire) != wanted {
        spin_loop();
    }
}

/// wake.h's: the end of a task wakes the thread in block_on.
fn wake_once(runtime: &Runtime, pause: Duration) -> Duration {
    let state = Arc::new(AtomicU32::new(0));
    let shared = state.clone();
    let waker = runtime.spawn(async move {
        shared.store(RUNNING, Ordering::Release);
        spin_until(&shared, WAITS);
        let begin = Instant::now();
        loop {
            let told = Instant::now();
            if told - begin >= pause {
                return told;
            }
        }
    });
    spin_until(&state, RUNNING);
    state.store(WAITS, Ordering::Release);
    let told = runtime.block_on(waker).unwrap();
    Instant::now() - told
}

fn wake_median(runtime: &Runtime, wakes: usize, pause: Duration) -> f64 {
    let mut latencies: Vec<Duration> = (0..wakes).map(|_| wake_once(runtime, pause)).collect();
    latencies.sort();
    latencies[wakes / 2].as_nanos() as f64
}

/// The processor's time of the process, in nanoseconds.
fn processor_ns() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

async fn timed_by_processor(load: impl Future<Output = ()>) -> f64 {
    let begin = processor_ns();
    load.await;
    processor_ns() - begin
}

async fn timed_by_wall(load: impl Future<Output = ()>) -> f64 {
    let begin = Instant::now();
    load.await;
    begin.elapsed().as_nanos() as f64
}

struct Side {
    runtime: Runtime,
    several: bool,
}

impl Side {
    fn new(workers: usize) -> Side {
        let runtime = match workers {
            1 => Builder::new_current_thread().build(),
            _ => Builder::new_multi_thread().worker_threads(workers).build(),
        };
        Side {
            runtime: runtime.unwrap(),
            several: workers > 1,
        }
    }

    fn time(&self, load: impl Future<Output = ()> + Send + 'static) -> f64 {
        if self.several {
            let task = self.runtime.spawn(timed_by_wall(load));
            self.runtime.block_on(task).unwrap()
        } else {
            self.runtime.block_on(timed_by_processor(load))
        }
    }

    fn measure(&self, load: &str, first: usize, second: usize) -> f64 {
        match load {
            "spawn_await" => self.time(spawn_await(first)),
            "batch" => self.time(batch(first)),
            "yield" => self.time(yield_among(first, second)),
            "fork_join" => self.time(fork_join(first)),
            "wake" => wake_median(&self.runtime, first, Duration::from_nanos(second as u64)),
            _ => panic!("what is the load {:?}?", load),
        }
    }
}

fn main() {
    let workers = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let side = Side::new(workers);
    println!("Tokio {}", env!("TOKIO_VERSION"));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |i: usize| words.get(i).and_then(|text| text.parse().ok()).unwrap_or(0);
        let answer = side.measure(words[0], number(1), number(2));
        println!("{:.3}", answer);
        std::io::stdout().flush().unwrap();
    }
}
