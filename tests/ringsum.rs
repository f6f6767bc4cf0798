//! The example `ringsum` as a stranger runs it, beside the system's own `sha256sum`.

mod common;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Watchdog, example, is_emulated, limit_of, skip};

/// What `sha256sum` prints for a file of 4 GiB and 300,001 bytes, the last of which are "the end"
/// and all others zeros. To have it computed every time would take longer than what is tested.
const HUGE_SUM: &str = "d88163d0bc56b214ebbe743d9c62a152ddc85c0be10e792cc5477579eee3e5ae";

/// What a shell tells of a program that SIGPIPE has killed.
const STATUS_BROKEN_PIPE: i32 = 141;

fn limit() -> Watchdog {
    limit_of(Duration::from_secs(240))
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("ringsum"))
}

/// A folder that is removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringpool-ringsum-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder can be made");
        Self(path)
    }

    fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.0.join(Path::new(name.as_ref()))
    }

    /// A file, and the folders it is in.
    fn file(&self, name: impl AsRef<OsStr>, contents: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("folders can be made");
        fs::write(path, contents).expect("a file can be written");
    }

    /// A file of `len` bytes that are zeros but for the last ones.
    fn sparse(&self, name: &str, len: u64, last: &[u8]) {
        let file = File::create(self.path(name)).expect("a file can be made");
        file.set_len(len).expect("a file can have a hole");
        file.write_all_at(last, len - last.len() as u64).expect("a file can be written");
    }

    /// Runs `ringsum` in this folder.
    fn ringsum<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Output {
        let mut command = Command::new(program());
        command.current_dir(&self.0).args(arguments).stdin(Stdio::null());
        command.output().expect("it can be run")
    }

    /// What `sha256sum` prints for these files of this folder, in the order of their bytes.
    fn sha256sum<A: AsRef<OsStr>>(&self, files: impl IntoIterator<Item = A>) -> Vec<u8> {
        let files = files.into_iter().map(|file| file.as_ref().to_owned());
        let mut files: Vec<OsString> = files.collect();
        files.sort_by(|one, other| one.as_bytes().cmp(other.as_bytes()));
        let mut printed = Vec::new();
        for some in files.chunks(1000) {
            let mut command = Command::new("sha256sum");
            let output = command.current_dir(&self.0).arg("--").args(some).output();
            let output = output.expect("sha256sum is there");
            assert!(output.status.success(), "{output:?}");
            printed.extend(output.stdout);
        }
        printed
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn assert_prints(output: &Output, expected: &[u8]) {
    let (got, expected) = (output.stdout.escape_ascii(), expected.escape_ascii());
    assert_eq!(got.to_string(), expected.to_string());
}

/// Nothing went wrong, and there is a table with a row a ring.
#[track_caller]
fn assert_went_well(output: &Output) {
    let table = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{table}");
    let mut lines = table.lines();
    assert!(lines.next().is_some_and(|line| line.starts_with("ring ")), "{table}");
    let rings = lines.take_while(|line| line.starts_with(' ')).count();
    assert!(rings >= 1, "{table}");
    assert!(!table.contains("ringsum:"), "{table}");
}

/// These paths were named, each in a line of its own, and the status says so.
#[track_caller]
fn assert_names(output: &Output, paths: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let named = errors.lines().filter(|line| line.starts_with("ringsum:")).count();
    assert_eq!(named, paths.len(), "{errors}");
    for path in paths {
        assert!(errors.contains(&format!("ringsum: {path:?}: ")), "{path:?} is not in {errors}");
    }
}

fn odd_names() -> Vec<OsString> {
    let names: [&[u8]; 14] = [
        b"tree/plain",
        b"tree/two words",
        b"tree/ leading and trailing ",
        b"tree/-dash",
        b"tree/--check",
        b"tree/line\nbreak",
        b"tree/back\\slash",
        b"tree/carriage\rreturn",
        b"tree/all\\of\nthem\r\\",
        b"tree/not\xff\xfeutf8",
        b"tree/*",
        b"tree/folder/inside",
        // Behind `folder-` and `folder.`, but before `folder0`, by the bytes of the whole path.
        b"tree/folder-",
        b"tree/folder0",
    ];
    names.map(|name| OsString::from_vec(name.to_vec())).to_vec()
}

#[test]
fn odd_names_and_things_that_are_no_files_come_out_as_from_sha256sum() {
    if !sha256sum_escapes() {
        return skip("a sha256sum that escapes odd names");
    }
    let _limit = limit();
    let folder = Folder::new();
    let mut names = odd_names();
    for (number, name) in names.iter().enumerate() {
        folder.file(name, format!("contents {number}"));
    }
    folder.file("tree/empty", "");
    folder.file("tree/one buffer", vec![b'x'; 64 * 1024]);
    folder.file("tree/more than one", vec![b'y'; 300_001]);
    folder.file("tree/large", vec![b'z'; 3_000_001]);
    names.extend(
        ["tree/empty", "tree/one buffer", "tree/more than one", "tree/large"].map(From::from),
    );
    fs::create_dir_all(folder.path("tree/empty folder/in an empty folder")).expect("folders");
    symlink(".", folder.path("tree/loop")).expect("a link can be made");
    symlink("itself", folder.path("tree/itself")).expect("a link can be made");
    symlink("plain", folder.path("tree/link")).expect("a link can be made");
    let _socket = UnixListener::bind(folder.path("tree/socket")).expect("a socket can be made");
    make_pipe(&folder.path("tree/pipe"));

    let output = folder.ringsum(["tree"]);
    assert_went_well(&output);
    assert_prints(&output, &folder.sha256sum(&names));
    assert_check_takes(&folder, &output.stdout);
}

fn make_pipe(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
    assert!(status.success());
}

/// That of a busybox does not.
fn sha256sum_escapes() -> bool {
    let folder = Folder::new();
    folder.file("a\\b", "");
    folder.sha256sum(["a\\b"]).starts_with(b"\\")
}

/// `sha256sum --check` finds every file by its line.
fn assert_check_takes(folder: &Folder, sums: &[u8]) {
    let list = folder.path("sums");
    fs::write(&list, sums).expect("a file can be written");
    let mut check = Command::new("sha256sum");
    check.current_dir(&folder.0).args(["--check", "--strict", "--quiet"]).arg(&list);
    let output = check.output().expect("sha256sum is there");
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn without_a_path_it_sums_the_current_folder() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("b", "1");
    folder.file("a/c", "2");
    let output = folder.ringsum([""; 0]);
    assert_went_well(&output);
    assert_prints(&output, &folder.sha256sum(["./b", "./a/c"]));
}

#[test]
fn several_paths_come_out_in_one_order_as_they_were_given() {
    let _limit = limit();
    let folder = Folder::new();
    for name in ["b/2", "b/1", "b.txt", "a/x/y", "a-", "-dash"] {
        folder.file(name, name);
    }
    symlink("b", folder.path("to-b")).expect("a link can be made");
    symlink("b/1", folder.path("to-1")).expect("a link can be made");
    let output =
        folder.ringsum(["--", "to-1", "b.txt", "to-b", "-dash", "b/", "a-", "a/x", "a", "b//1"]);
    assert_went_well(&output);
    let files = [
        "to-1", "b.txt", "to-b/1", "to-b/2", "-dash", "b/1", "b/2", "a-", "a/x/y", "a/x/y", "b//1",
    ];
    assert_prints(&output, &folder.sha256sum(files));
}

#[test]
fn what_cannot_be_summed_is_named_and_all_else_is_summed() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("good/one", "1");
    folder.file("good/two", "2");
    make_pipe(&folder.path("pipe"));
    symlink("itself", folder.path("itself")).expect("a link can be made");
    let _socket = UnixListener::bind(folder.path("socket")).expect("a socket can be made");
    // The memory of a process can be opened, but there is none at its beginning.
    let unreadable = "/proc/self/mem";
    let bad = ["missing", "pipe", "itself", "socket", "/dev/null", unreadable, "good/one/", ""];
    let output = folder.ringsum(bad.iter().chain(&["good"]));
    assert_names(&output, &bad);
    assert_prints(&output, &folder.sha256sum(["good/one", "good/two"]));
}

#[test]
fn without_the_right_to_read_a_file_or_folder_it_is_named() {
    let _limit = limit();
    let folder = Folder::new();
    for name in ["tree/good", "tree/secret", "tree/closed/inside"] {
        folder.file(name, name);
    }
    let close = |name: &str, mode| {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.path(name), permissions).expect("they are ours");
    };
    close("tree/secret", 0);
    close("tree/closed", 0);
    let is_privileged = File::open(folder.path("tree/secret")).is_ok();
    let output = folder.ringsum(["tree"]);
    close("tree/closed", 0o700);
    if is_privileged {
        assert_went_well(&output);
        let all = ["tree/good", "tree/secret", "tree/closed/inside"];
        assert_prints(&output, &folder.sha256sum(all));
    } else {
        assert_names(&output, &["tree/secret", "tree/closed/"]);
        assert_prints(&output, &folder.sha256sum(["tree/good"]));
    }
}

#[test]
fn files_whose_length_is_not_known_are_read_to_their_end() {
    let _limit = limit();
    let folder = Folder::new();
    let files = ["/proc/version", "/proc/cpuinfo", "/proc/filesystems"];
    let output = folder.ringsum(files);
    assert_went_well(&output);
    // Processors change their clock while one looks on.
    let without_clock = |sums: &[u8]| {
        let lines = String::from_utf8_lossy(sums);
        lines.lines().filter(|line| !line.contains("cpuinfo")).map(str::to_owned).collect()
    };
    let (got, expected): (Vec<_>, Vec<_>) =
        (without_clock(&output.stdout), without_clock(&folder.sha256sum(files)));
    assert_eq!(got, expected);
    assert_eq!(got.len(), 2);
}

#[test]
fn a_file_of_more_than_four_gibibytes_is_summed_to_its_last_byte() {
    if is_emulated() {
        return skip("a processor that sums gigabytes in a minute");
    }
    let _limit = limit();
    let folder = Folder::new();
    folder.sparse("huge", (4 << 30) + 300_001, b"the end");
    let output = folder.ringsum(["huge"]);
    assert_went_well(&output);
    assert_prints(&output, format!("{HUGE_SUM}  huge\n").as_bytes());
}

#[test]
fn many_files_behind_a_large_one_wait_for_it_and_come_out_in_order() {
    let _limit = limit();
    let folder = Folder::new();
    folder.sparse("a", 64 << 20, b"last");
    // More than it lets wait.
    let names: Vec<String> =
        (0..17_000).map(|number| format!("b/{}/{number}", number % 7)).collect();
    for digit in 0..7 {
        fs::create_dir_all(folder.path(format!("b/{digit}"))).expect("folders can be made");
    }
    for name in &names {
        fs::write(folder.path(name), name).expect("a file can be written");
    }
    let output = folder.ringsum(["a", "b"]);
    assert_went_well(&output);
    let mut expected = folder.sha256sum(["a"]);
    expected.extend(folder.sha256sum(&names));
    assert!(output.stdout == expected, "{} lines differ from those of sha256sum", names.len() + 1);
}

#[test]
fn when_nobody_reads_the_output_it_ends_quietly() {
    let _limit = limit();
    let folder = Folder::new();
    // Far more lines than a pipe holds.
    for number in 0..3000 {
        fs::write(folder.path(format!("{number:0100}")), "").expect("a file can be written");
    }
    let mut command = Command::new(program());
    command.current_dir(&folder.0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it can be run");
    let mut first = String::new();
    let mut lines = BufReader::with_capacity(64, child.stdout.take().expect("it is piped"));
    lines.read_line(&mut first).expect("there is a line");
    drop(lines);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(first.as_bytes(), folder.sha256sum([format!("./{:0100}", 0)]));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(STATUS_BROKEN_PIPE));
}

#[test]
fn an_output_that_is_full_is_said_to_be_full() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("a", "1");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("it can be opened");
    let mut command = Command::new(program());
    let output = command.current_dir(&folder.0).stdout(full).stderr(Stdio::piped()).output();
    let output = output.expect("it can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("standard output: No space left"), "{errors}");
}

#[test]
fn few_open_files_will_do() {
    let _limit = limit();
    let folder = Folder::new();
    let names: Vec<String> = (0..200).map(|number| format!("{:03}", number)).collect();
    for name in &names {
        folder.file(name, vec![b'x'; 100_000]);
    }
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 32; exec \"$0\" \"$@\""]).arg(program()).args(&names);
    let output = command.current_dir(&folder.0).output().expect("sh is there");
    assert_went_well(&output);
    assert_prints(&output, &folder.sha256sum(&names));
}
