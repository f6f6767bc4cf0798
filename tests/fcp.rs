//! The example `fcp` as a stranger runs it, beside the system's own `cp -a`.

mod common;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Watchdog, example, limit_of, rounds};

fn limit() -> Watchdog {
    limit_of(Duration::from_secs(240))
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("fcp"))
}

/// A folder that is removed with all that is in it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringpool-fcp-{}-{number}", std::process::id());
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

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("the file is there")
    }

    fn link(&self, name: &str, to: impl AsRef<Path>) {
        symlink(to, self.path(name)).expect("a link can be made");
    }

    fn set_mode(&self, name: impl AsRef<OsStr>, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("it is ours");
    }

    /// Runs a program in this folder.
    fn run(&self, program: &Path, arguments: &[impl AsRef<OsStr>]) -> Output {
        let mut command = Command::new(program);
        command.current_dir(&self.0).args(arguments).stdin(Stdio::null());
        command.output().expect("it can be run")
    }

    fn fcp(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        self.run(program(), arguments)
    }

    /// Copies `tree` by `fcp` and by `cp`, and compares.
    fn assert_copies_as_cp(&self) {
        assert_went_well(&self.fcp(&["tree", "ours"]));
        let output = self.run(Path::new("cp"), &["-a", "tree", "theirs"]);
        assert!(output.status.success(), "{output:?}");
        assert_same(&self.path("ours"), &self.path("theirs"));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn assert_went_well(output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""));
    assert_eq!(output.stdout, b"");
}

/// It failed with a line for each of these, and no more.
#[track_caller]
fn assert_tells(output: &Output, parts: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert_eq!(errors.lines().count(), parts.len(), "{errors}");
    assert!(errors.lines().all(|line| line.starts_with("fcp: cannot ")), "{errors}");
    for part in parts {
        assert!(errors.contains(part), "{part} is not in {errors}");
    }
}

/// All paths under a folder, each with its mode and, if it is a link, where it points.
fn listing(root: &Path) -> BTreeMap<PathBuf, (u32, Option<PathBuf>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        let to = metadata.is_symlink().then(|| fs::read_link(&path).expect("it is a link"));
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).expect("it can be read");
            left.extend(entries.map(|entry| entry.expect("it can be read").path()));
        }
        let name = path.strip_prefix(root).expect("it is in there").to_owned();
        found.insert(name, (metadata.mode(), to));
    }
    found
}

/// The same names, modes, links and bytes.
#[track_caller]
fn assert_same(one: &Path, other: &Path) {
    let (ours, theirs) = (listing(one), listing(other));
    assert_eq!(ours, theirs);
    for (name, (mode, _)) in &ours {
        if mode & libc::S_IFMT == libc::S_IFREG {
            // An empty name stands for the root, and joined would end with a slash.
            let at =
                |root: &Path| if name == Path::new("") { root.into() } else { root.join(name) };
            assert!(have_same_bytes(&at(one), &at(other)), "{name:?} differs");
        }
    }
}

fn have_same_bytes(one: &Path, other: &Path) -> bool {
    let mut files = [one, other].map(|path| File::open(path).expect("it can be read"));
    let mut buffers = [Vec::new(), Vec::new()];
    loop {
        for (file, buffer) in files.iter_mut().zip(&mut buffers) {
            buffer.clear();
            file.take(1 << 20).read_to_end(buffer).expect("it can be read");
        }
        if buffers[0] != buffers[1] || buffers[0].is_empty() {
            return buffers[0] == buffers[1];
        }
    }
}

/// A row of numbers that looks random and is the same for the same seed: xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..len.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(len);
        bytes
    }

    /// Of any bytes that a name may have.
    fn name(&mut self) -> OsString {
        let len = 1 + self.below(24) as usize;
        let byte = |_| match self.below(3) {
            0 => b"-* \\\n\r\"'$"[self.below(9) as usize],
            1 => 1 + self.below(255) as u8,
            _ => b'a' + self.below(26) as u8,
        };
        let mut name: Vec<u8> = (0..len).map(byte).collect();
        name.retain(|byte| *byte != b'/');
        // Never `.`, `..` or empty.
        name.push(b'x');
        OsString::from_vec(name)
    }

    fn len(&mut self) -> usize {
        let exact = [0, 1, 4096, 128 << 10, (128 << 10) + 1, 512 << 10, 1 << 20, (1 << 20) + 1];
        match self.below(4) {
            0 => exact[self.below(8) as usize],
            1 => self.below(3 << 20) as usize,
            _ => self.below(20_000) as usize,
        }
    }
}

/// Fills a folder at random, and gives it a random mode that lets us in.
fn plant(random: &mut Random, folder: &Path, depth: u64) {
    fs::create_dir(folder).expect("a folder can be made");
    for _ in 0..random.below(12) {
        let path = folder.join(random.name());
        if fs::symlink_metadata(&path).is_ok() {
            continue;
        }
        match random.below(6) {
            0 | 1 if depth > 0 => plant(random, &path, depth - 1),
            2 => symlink(random.name(), &path).expect("a link can be made"),
            _ => {
                let len = random.len();
                fs::write(&path, random.bytes(len)).expect("a file can be written");
                let mode = 0o400 | random.below(0o1000) as u32;
                fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
            }
        }
    }
    let mode = 0o700 | random.below(0o2000) as u32 & 0o1777;
    fs::set_permissions(folder, Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn trees_made_at_random_are_copied_as_by_cp() {
    let _limit = limit();
    for seed in 1..=rounds(6) as u64 {
        let folder = Folder::new();
        println!("seed {seed}");
        plant(&mut Random(0x9E37_79B9_7F4A_7C15 ^ seed), &folder.path("tree"), 3);
        folder.assert_copies_as_cp();
    }
}

#[test]
fn links_are_copied_as_links_wherever_they_point() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("tree/file", "contents");
    for (name, to) in [("loop", "."), ("itself", "itself"), ("gone", "/not/there"), ("up", "..")] {
        folder.link(&format!("tree/{name}"), to);
    }
    folder.link("link", "tree");
    folder.assert_copies_as_cp();
    // One that is named itself, too.
    assert_went_well(&folder.fcp(&["link", "link of ours"]));
    let to = fs::read_link(folder.path("link of ours")).expect("it is a link");
    assert_eq!(to, Path::new("tree"));
}

#[test]
fn a_file_without_the_right_to_write_and_a_closed_folder_are_copied() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("tree/closed/inside", "1");
    folder.file("tree/secret", "2");
    folder.set_mode("tree/secret", 0o400);
    folder.set_mode("tree/closed", 0o500);
    folder.assert_copies_as_cp();
    // So that the folder can be removed.
    for tree in ["tree", "ours", "theirs"] {
        folder.set_mode(format!("{tree}/closed"), 0o700);
    }
}

#[test]
fn the_umask_takes_nothing_away() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("tree/file", "1");
    folder.set_mode("tree/file", 0o666);
    folder.set_mode("tree", 0o777);
    let script = ["-c", "umask 077; exec \"$0\" tree ours"].map(OsStr::new);
    let arguments = [&script[..], &[program().as_os_str()]].concat();
    assert_went_well(&folder.run(Path::new("sh"), &arguments));
    assert_same(&folder.path("ours"), &folder.path("tree"));
}

#[test]
fn several_sources_go_into_a_folder_under_their_names() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("one/a", "1");
    folder.file("two", "2");
    folder.file("-dash", "3");
    folder.file("there/one/old", "stays");
    folder.file("there/one/a", "is overwritten, and was longer");
    assert_went_well(&folder.fcp(&["--", "one/", "two", "-dash", "there"]));
    let contents = ["one/a", "two", "-dash", "one/old"]
        .map(|name| String::from_utf8(folder.read(&format!("there/{name}"))).expect("it is text"));
    assert_eq!(contents, ["1", "2", "3", "stays"]);
    // Of `.` it is what is in it.
    folder.file("new/file", "4");
    assert_went_well(&folder.run(
        Path::new("sh"),
        &[OsStr::new("-c"), OsStr::new("cd new && exec \"$0\" . ../there"), program().as_os_str()],
    ));
    assert_eq!(folder.read("there/file"), b"4");
}

#[test]
fn what_cannot_be_copied_is_named_and_all_else_is_copied() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("tree/good", "1");
    folder.file("tree/folder there", "2");
    folder.file("tree/file there/inside", "3");
    folder.file("there/tree/folder there/inside", "4");
    folder.file("there/tree/file there", "5");
    let status = Command::new("mkfifo").arg(folder.path("tree/pipe")).status();
    assert!(status.expect("mkfifo is there").success());
    let output = folder.fcp(&["missing", "tree", "there"]);
    assert_tells(
        &output,
        &[
            r#"cannot copy "missing": No such file"#,
            r#"cannot copy "tree/pipe": it is neither"#,
            r#"cannot write to "there/tree/folder there": Is a directory"#,
            r#"cannot overwrite "there/tree/file there": it is there and no directory"#,
        ],
    );
    assert_eq!(folder.read("there/tree/good"), b"1");
    assert_eq!(folder.read("there/tree/file there"), b"5");
}

#[test]
fn without_the_right_to_read_a_file_it_is_named() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("tree/good", "1");
    folder.file("tree/secret", "2");
    folder.set_mode("tree/secret", 0);
    let is_privileged = File::open(folder.path("tree/secret")).is_ok();
    let output = folder.fcp(&["tree", "copy"]);
    if is_privileged {
        assert_went_well(&output);
        assert_same(&folder.path("copy"), &folder.path("tree"));
    } else {
        assert_tells(&output, &[r#"cannot read "tree/secret": Permission denied"#]);
    }
    assert_eq!(folder.read("copy/good"), b"1");
}

#[test]
fn where_the_target_has_no_folder_to_be_in_it_is_named() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("file", "1");
    folder.file("tree/file", "1");
    let output = folder.fcp(&["file", "no/where/file"]);
    assert_tells(&output, &[r#"cannot write to "no/where/file": No such file"#]);
    let output = folder.fcp(&["tree", "no/where"]);
    assert_tells(&output, &[r#"cannot make "no/where": No such file"#]);
    let output = folder.fcp(&["file", "tree", "nowhere"]);
    assert_tells(&output, &[r#"cannot write to "nowhere": several sources"#]);
}

#[test]
fn a_full_target_is_said_to_be_full() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("small", "1");
    folder.file("large", vec![1; 3 << 20]);
    for name in ["small", "large"] {
        let output = folder.fcp(&[name, "/dev/full"]);
        assert_tells(&output, &[r#"cannot write "/dev/full": No space left"#]);
    }
}

#[test]
fn nothing_is_copied_onto_or_into_itself() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("tree/file", "contents");
    folder.link("to file", "tree/file");
    folder.link("to tree", "tree");
    fs::hard_link(folder.path("tree/file"), folder.path("also file")).expect("a link can be made");
    for target in ["tree/file", "tree", "to file", "also file", "to tree"] {
        let output = folder.fcp(&["tree/file", target]);
        assert_tells(&output, &[r#"cannot copy "tree/file": it is the same file as "#]);
    }
    let output = folder.fcp(&["to file", "to file"]);
    assert_tells(&output, &[r#"cannot copy "to file": it is the same as "#]);
    for target in ["tree", "tree/inside", "tree/./new", "to tree", "to tree/new"] {
        let output = folder.fcp(&["tree", target]);
        assert_tells(&output, &[r#"cannot copy "tree": a directory cannot be copied into itself"#]);
    }
    assert_eq!(folder.read("tree/file"), b"contents");
    assert_eq!(listing(&folder.path("tree")).len(), 2);
}

#[test]
fn two_sources_of_one_name_do_not_become_one_file() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("a/file", "1");
    folder.file("b/file", "2");
    folder.file("there/file", "0");
    let output = folder.fcp(&["a/file", "b/file", "there"]);
    assert_tells(&output, &[r#"cannot copy "b/file": another source has just become "#]);
    assert_eq!(folder.read("there/file"), b"1");
}

#[test]
fn a_file_with_holes_stays_small() {
    let _limit = limit();
    let folder = Folder::new();
    fs::create_dir(folder.path("tree")).expect("a folder can be made");
    let large = (rounds(256) as u64) << 20;
    let parts = [("small", 300_000, 0), ("large", large, large / 5 * 2), ("empty", 9 << 20, 0)];
    for (name, len, data) in parts {
        let file = File::create(folder.path("tree").join(name)).expect("a file can be made");
        file.set_len(len).expect("a file can have a hole");
        if name != "empty" {
            file.write_all_at(b"data", data).expect("a file can be written");
        }
    }
    folder.assert_copies_as_cp();
    for (name, len, _) in parts {
        let blocks = fs::metadata(folder.path("ours").join(name)).expect("it is there").blocks();
        assert!(blocks * 512 <= (1 << 20), "{name} of {len} bytes takes {blocks} blocks");
    }
}

#[test]
fn files_whose_length_is_not_known_are_copied_to_their_end() {
    let _limit = limit();
    let folder = Folder::new();
    assert_went_well(&folder.fcp(&["/proc/filesystems", "/proc/version", "."]));
    for name in ["filesystems", "version"] {
        let expected = fs::read(Path::new("/proc").join(name)).expect("procfs is there");
        assert_eq!(folder.read(name), expected);
    }
}

#[test]
fn many_small_files_are_all_copied_with_few_open() {
    let _limit = limit();
    let folder = Folder::new();
    for number in 0..3000 {
        folder.file(format!("tree/{}/{number}", number % 7), format!("contents {number}"));
    }
    folder.file("tree/large", vec![7; 5_000_001]);
    let script = ["-c", "ulimit -n 40; exec \"$0\" tree ours"].map(OsStr::new);
    let arguments = [&script[..], &[program().as_os_str()]].concat();
    assert_went_well(&folder.run(Path::new("sh"), &arguments));
    assert_same(&folder.path("ours"), &folder.path("tree"));
}

#[test]
fn when_nobody_reads_the_errors_the_status_still_tells() {
    let _limit = limit();
    let folder = Folder::new();
    folder.file("there/good", "0");
    folder.file("good", "1");
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let mut command = Command::new(program());
    command.current_dir(&folder.0).args(["missing", "good", "there"]).stderr(writer);
    assert_eq!(command.status().expect("it can be run").code(), Some(1));
    assert_eq!(folder.read("there/good"), b"1");
}

#[test]
fn without_two_paths_it_says_how_it_is_used() {
    let _limit = limit();
    let folder = Folder::new();
    for arguments in [&[][..], &["only"], &["--force", "a", "b"]] {
        let output = folder.fcp(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: fcp"), "{output:?}");
    }
    let output = folder.fcp(&["--help"]);
    assert!(output.status.success() && output.stdout.starts_with(b"usage: fcp"), "{output:?}");
}
