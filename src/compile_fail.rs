//! What must not compile. Each example comes with one that differs in the one thing it is about and
//! does compile, so that it cannot fail for another reason.

/// A future that is not `Send` cannot be spawned where it might travel.
///
/// ```compile_fail
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let shared = std::rc::Rc::new(7);
///     ringpool::spawn(async move { std::future::ready(*shared).await }).detach();
/// });
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let shared = std::sync::Arc::new(7);
///     ringpool::spawn(async move { std::future::ready(*shared).await }).detach();
/// });
/// ```
///
/// ```compile_fail
/// # let pool = ringpool::Pool::new(1);
/// # let there = pool.runtime(0);
/// let shared = std::rc::Rc::new(7);
/// let future = async move { std::future::ready(*shared).await };
/// ringpool::spawn_on(&there, future).detach();
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// # let there = pool.runtime(0);
/// let shared = std::sync::Arc::new(7);
/// let future = async move { std::future::ready(*shared).await };
/// ringpool::spawn_on(&there, future).detach();
/// ```
///
/// A blocking closure travels too.
///
/// ```compile_fail,E0277
/// # let pool = ringpool::Pool::new(1);
/// let shared = std::rc::Rc::new(7);
/// pool.spawn_blocking(move || *shared).detach();
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// let shared = std::sync::Arc::new(7);
/// pool.spawn_blocking(move || *shared).detach();
/// ```
struct OnlyWhatIsSendTravels;

/// What is not `Send` cannot be kept across a switch.
///
/// ```compile_fail
/// # let pool = ringpool::Pool::new(2);
/// # let there = pool.runtime(1);
/// pool.spawn(async move {
///     let kept = std::rc::Rc::new(7);
///     ringpool::switch_to(&there).await.unwrap();
///     assert_eq!(*kept, 7);
/// })
/// .detach();
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(2);
/// # let there = pool.runtime(1);
/// pool.spawn(async move {
///     let kept = std::sync::Arc::new(7);
///     ringpool::switch_to(&there).await.unwrap();
///     assert_eq!(*kept, 7);
/// })
/// .detach();
/// ```
struct NothingNailedToAThreadSurvivesASwitch;

/// The handle of a task whose output is not `Send` stays where it is.
///
/// ```compile_fail,E0277
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let nested = ringpool::spawn(async {
///         let task = ringpool::spawn_local(async { std::rc::Rc::new(7) });
///         std::thread::spawn(move || drop(task));
///     });
///     nested.await.unwrap();
/// });
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let nested = ringpool::spawn(async {
///         let task = ringpool::spawn_local(async { std::sync::Arc::new(7) });
///         std::thread::spawn(move || drop(task));
///     });
///     nested.await.unwrap();
/// });
/// ```
struct AnOutputNailedToAThreadStaysThere;

/// A task that is not awaited by its maker cannot borrow; `block_on` can.
///
/// ```compile_fail,E0597
/// let pool = ringpool::Pool::new(1);
/// let task = {
///     let text = String::from("gone too soon");
///     let borrowed = &text;
///     pool.spawn(async move { borrowed.len() })
/// };
/// task.wait().unwrap();
/// ```
///
/// ```
/// let pool = ringpool::Pool::new(1);
/// let text = String::from("still there");
/// assert_eq!(pool.block_on(async { text.len() }), 11);
/// ```
///
/// What `block_on` gives back may borrow what outlives it, and nothing else.
///
/// ```compile_fail,E0597
/// let pool = ringpool::Pool::new(1);
/// let borrowed = {
///     let text = String::from("gone too soon");
///     let borrowed = &text;
///     pool.block_on(async move { borrowed })
/// };
/// assert_eq!(borrowed.len(), 13);
/// ```
struct OnlyBlockOnBorrows;

/// A panic's payload is shared only if its type may be.
///
/// ```compile_fail,E0277
/// # let pool = ringpool::Pool::new(1);
/// let error = pool.spawn(async { std::panic::panic_any(std::cell::Cell::new(1)) }).wait();
/// let Err(ringpool::TaskError::Panicked(payload)) = error else { unreachable!() };
/// payload.downcast_ref::<std::cell::Cell<i32>>();
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// let error = pool.spawn(async { std::panic::panic_any(std::cell::Cell::new(1)) }).wait();
/// let Err(ringpool::TaskError::Panicked(payload)) = error else { unreachable!() };
/// payload.into_inner().downcast_ref::<std::cell::Cell<i32>>();
/// ```
struct APayloadIsSharedIfItMayBe;

/// The tasks of a scope own what they use, since the scope's future can be forgotten.
///
/// ```compile_fail,E0373
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let text = String::from("borrowed");
///     ringpool::task::scope(async |scope| {
///         scope.spawn(async { text.len() });
///     })
///     .await;
/// });
/// ```
///
/// ```
/// # let pool = ringpool::Pool::new(1);
/// pool.block_on(async {
///     let text = String::from("owned");
///     ringpool::task::scope(async move |scope| {
///         scope.spawn(async move { text.len() });
///     })
///     .await;
/// });
/// ```
struct TasksOfAScopeOwnWhatTheyUse;

/// A guard may go to another thread, but be looked at from two only if its value may.
///
/// ```compile_fail,E0277
/// let mutex = ringpool::sync::Mutex::new(std::cell::Cell::new(1));
/// let guard = mutex.lock_blocking();
/// std::thread::scope(|scope| {
///     let other = &guard;
///     scope.spawn(move || other.set(2));
/// });
/// ```
///
/// ```
/// let mutex = ringpool::sync::Mutex::new(std::cell::Cell::new(1));
/// let guard = mutex.lock_blocking();
/// std::thread::scope(|scope| {
///     let other = guard;
///     scope.spawn(move || other.set(2));
/// });
/// ```
///
/// The same for an owned one.
///
/// ```compile_fail,E0277
/// let mutex = std::sync::Arc::new(ringpool::sync::Mutex::new(std::cell::Cell::new(1)));
/// let guard = mutex.try_lock_owned().unwrap();
/// std::thread::scope(|scope| {
///     let other = &guard;
///     scope.spawn(move || other.set(2));
/// });
/// ```
///
/// What many read is shared, so it must be `Sync`.
///
/// ```compile_fail,E0277
/// let lock = ringpool::sync::RwLock::new(std::cell::Cell::new(1));
/// std::thread::scope(|scope| {
///     scope.spawn(|| lock.read_blocking().set(2));
/// });
/// ```
///
/// ```
/// let lock = ringpool::sync::RwLock::new(std::sync::Mutex::new(1));
/// std::thread::scope(|scope| {
///     scope.spawn(|| *lock.read_blocking().lock().unwrap() = 2);
/// });
/// ```
struct AGuardSharesWhatMayBeShared;
