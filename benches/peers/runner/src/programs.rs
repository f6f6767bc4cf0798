//! The programs: one for each runtime, or for each flavour of it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::plan::Way;

/// What a program stands for in the tables, and the file it is.
const PROGRAMS: &[(&str, &str)] = &[
    (RINGPOOL, "with-ringpool"),
    ("tokio, current-thread", "tokio-current-thread"),
    ("tokio, multi-thread", "tokio-multi-thread"),
    ("monoio", "with-monoio"),
    ("glommio", "with-glommio"),
    ("compio", "with-compio"),
    ("spargio", "with-spargio"),
    (FLOOR, "with-floor"),
];
pub(crate) const RINGPOOL: &str = "ringpool";
/// No runtime at all.
pub(crate) const FLOOR: &str = "bare floor";

/// A program, and the workloads it has.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) workloads: Vec<String>,
}

/// A program in one row.
#[derive(Clone, Debug)]
pub(crate) struct Contender {
    /// As the table has it.
    pub(crate) name: String,
    pub(crate) program: Program,
    pub(crate) workload: &'static str,
}

impl Contender {
    pub(crate) fn is_ringpool(&self) -> bool {
        self.program.name == RINGPOOL
    }

    /// Ringpool as it is if nobody asks for something else.
    pub(crate) fn is_usual(&self) -> bool {
        self.name == RINGPOOL
    }

    pub(crate) fn is_floor(&self) -> bool {
        self.program.name == FLOOR
    }

    /// The program, about to do its workload.
    pub(crate) fn command(&self, scratch: &Path) -> Command {
        let mut command = Command::new(&self.program.path);
        command.args(["run", self.workload, "--scratch"]).arg(scratch);
        command.stderr(Stdio::piped()).stdout(Stdio::piped());
        command
    }
}

/// Where the built programs are: beside this one.
pub(crate) fn folder() -> PathBuf {
    let own = env::current_exe().expect("the kernel tells");
    own.parent().expect("a program is in a folder").to_path_buf()
}

/// Builds them, as this one was built.
pub(crate) fn build() -> Result<(), String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let target = folder().parent().expect("cargo has a folder for each profile").to_path_buf();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--workspace", "--manifest-path"]).arg(manifest);
    command.arg("--target-dir").arg(target);
    let status = command.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("not all programs could be built".to_owned()) }
}

/// Asks each of them what it can do.
pub(crate) fn all() -> Result<Vec<Program>, String> {
    let ask = |&(name, file): &(&'static str, &str)| {
        let path = folder().join(file);
        let output = Command::new(&path).arg("list").output();
        let output = output.map_err(|error| format!("cannot run {path:?}: {error}"))?;
        let workloads = String::from_utf8_lossy(&output.stdout);
        Ok(Program { name, path, workloads: workloads.lines().map(str::to_owned).collect() })
    };
    PROGRAMS.iter().map(ask).collect()
}

/// All programs that have a way to do it, once for each such way.
pub(crate) fn contenders(programs: &[Program], ways: &'static [Way]) -> Vec<Contender> {
    let in_this_way = |program: &Program, way: &'static Way| {
        let workload = way.workloads.iter().find(|name| program.has(name))?;
        let name = format!("{}{}", program.name, way.suffix);
        Some(Contender { name, program: program.clone(), workload })
    };
    let of_program = |program| ways.iter().filter_map(move |way| in_this_way(program, way));
    programs.iter().flat_map(of_program).collect()
}

impl Program {
    fn has(&self, workload: &str) -> bool {
        self.workloads.iter().any(|one| one == workload)
    }
}
