//! Proof that each rule finds what breaks it and leaves alone what does not.

use super::{COLUMNS_MAX, FILE_LINES_MAX, FUNCTION_LINES_MAX};
use super::{LEFT_BEHIND, MACHINE_PATHS, SLEEP, check};

/// Checks that `text` in the file `path` breaks one rule, at `line`, whose message has `rule`.
fn expect_broken(path: &str, text: &str, line: usize, rule: &str) {
    let found = check(path, text);
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    assert!(found[0].starts_with(&format!("{path}:{line}: ")), "{found:?}");
    assert!(found[0].contains(rule), "{found:?}");
}

fn expect_kept(path: &str, text: &str) {
    assert_eq!(check(path, text), Vec::<String>::new(), "{text}");
}

#[test]
fn long_lines_functions_and_files_are_found() {
    let statements = "    step();\n".repeat(FUNCTION_LINES_MAX - 2);
    let function = format!("fn long(sizes: [u8; 4]) {{\n{statements}}}\n");
    expect_kept("src/a.rs", &function);
    let longer = function.replacen("    step", "    step();\n    step", 1);
    expect_broken("src/a.rs", &format!("\n{longer}"), 2, "at most 70 lines, not 71");
    expect_kept("src/a.rs", &"// é\n".repeat(FILE_LINES_MAX));
    expect_broken("src/a.rs", &"//\n".repeat(FILE_LINES_MAX + 1), 501, "500 lines");
    expect_kept("src/a.rs", &"é".repeat(COLUMNS_MAX));
    expect_broken("src/a.rs", &"é".repeat(COLUMNS_MAX + 1), 1, "100 columns");
}

#[test]
fn unsafe_without_a_reason_is_found() {
    let path = "src/ring/a.rs";
    let rule = "// SAFETY: above";
    expect_kept(path, "fn f() {\n    // SAFETY: it is.\n    let x =\n        unsafe { g() };\n}\n");
    expect_kept(path, "// SAFETY: it is.\nunsafe impl Send for X {}\n");
    expect_broken(path, "fn f() {\n    let x = unsafe { g() };\n}\n", 2, rule);
    expect_broken(path, "// SAFETY: it is.\nstruct X;\n\nunsafe impl Send for X {}\n", 4, rule);
    let shared = "// SAFETY: it is.\nlet x = unsafe { g() };\nlet y = unsafe { g() };\n";
    expect_broken(path, shared, 3, rule);
}

#[test]
fn unsafe_functions_without_demands_are_found() {
    let path = "src/ring/a.rs";
    expect_kept(path, "/// Does.\n///\n/// # Safety\n///\n/// Be careful.\nunsafe fn f() {}\n");
    expect_kept(path, "type F = unsafe fn(*const u8);\n");
    expect_broken(path, "/// Does.\n#[inline]\nunsafe fn f() {}\n", 3, "# Safety");
    expect_broken(path, "unsafe extern \"C\" fn f() {}\n", 1, "# Safety");
}

#[test]
fn unsafe_in_the_wrong_place_is_found() {
    let text = "// SAFETY: it is.\nlet x = unsafe { g() };\n";
    expect_kept("src/ring/a.rs", text);
    expect_kept(
        "src/worker.rs",
        "// unsafe\nlet unsafely = \"unsafe {\";\n#![deny(unsafe_code)]\n",
    );
    expect_broken("src/worker.rs", text, 2, "only where");
    expect_broken("examples/hello.rs", text, 2, "only where");
}

#[test]
fn orderings_without_a_reason_are_found() {
    let rule = "// Ordering: near";
    let bare = "fn f() {\n    a.load(Ordering::Acquire);\n}\n";
    expect_broken("src/a.rs", bare, 2, rule);
    expect_kept("src/metrics/counter.rs", bare);
    expect_kept("src/a.rs", &format!("impl Counter {{\n{bare}}}\n"));
    expect_kept("src/a.rs", &format!("mod tests {{\n{bare}}}\n"));
    expect_kept("src/a.rs", &format!("// Ordering: with the store in g.\n{bare}"));
    expect_kept("src/a.rs", "use std::sync::atomic::Ordering::Relaxed;\n");
    expect_kept("src/a.rs", "fn f() { a.cmp(b) == Ordering::Less }\n");
    let far = format!("fn g() {{\n    // Ordering: mine.\n}}\n{}{bare}", "\n".repeat(12));
    expect_broken("src/a.rs", &far, 17, rule);
}

#[test]
fn what_was_left_behind_is_found() {
    for word in LEFT_BEHIND {
        expect_broken("README.md", &format!("text\n// {word} later\n"), 2, "left behind");
    }
    for path in MACHINE_PATHS {
        expect_broken(".ci/run", &format!("cd {path}x\n"), 1, "one machine");
    }
    expect_broken("src/a.rs", "fn f() {} \n", 1, "no tab and no blank");
    expect_broken("README.md", "\tindented\n", 1, "no tab and no blank");
    expect_broken("tests/a.rs", &format!("{SLEEP}(second);\n"), 1, "instead of sleeping");
    expect_kept("examples/a.rs", &format!("{SLEEP}(second);\n"));
}

#[test]
fn futures_that_do_not_say_what_a_drop_loses_are_found() {
    let rule = "# Cancel safety";
    let said = "/// Does.\n///\n/// # Cancel safety\n///\n/// Safe.\n#[must_use]\n";
    for function in [
        "pub async fn f() {}\n",
        "pub fn f() -> Op<Nop> {}\n",
        "pub fn f(\n    a: u8,\n) -> Multishot<Read> {}\n",
        "pub fn f<F>(f: F) -> Sleep\nwhere\n    F: Fn() -> u8,\n{\n}\n",
        "pub const fn f() -> impl Future<Output = u8> {}\n",
    ] {
        expect_kept("src/fs/a.rs", &format!("{said}{function}"));
        expect_broken("src/fs/a.rs", &format!("/// Does.\n{function}"), 2, rule);
        expect_kept("src/ring/a.rs", function);
        expect_kept("src/fs/a.rs", &function.replace("pub", "pub(crate)"));
    }
    for function in ["pub fn f() {}\n", "pub fn f() -> Option<Op<Nop>> {}\n", "type Op = u8;\n"] {
        expect_kept("src/fs/a.rs", function);
    }
}

#[test]
fn opcodes_without_a_kernel_are_found() {
    let since = "/// Does: `IORING_OP_NOP`. Since\n/// Linux 5.1.\npub fn f() {}\n";
    expect_kept("src/op/a.rs", since);
    let bare = "/// Does: `IORING_OP_NOP`.\npub fn f() {}\n";
    expect_broken("src/op/a.rs", bare, 2, "Since Linux");
    expect_kept("src/op/a.rs", "/// Does.\npub fn f() {}\n");
    expect_kept("src/op/a.rs", "/// Does: `IORING_OP_NOP`.\nstruct F;\n");
    expect_kept("src/net/a.rs", bare);
}

#[test]
fn literals_and_comments_are_not_taken_for_code() {
    let path = "src/worker.rs";
    expect_kept(path, "let a = r#\"unsafe { \" }\"#; let b = b\"\\\" unsafe\"; let c = '\"';\n");
    expect_kept(path, "/* unsafe /* nested */ unsafe */ fn f<'a>(x: &'a str) -> char { '{' }\n");
    let after = "let a = '\\''; let b: &'static str = r\"\\\"; // it's\nunsafe { g() }\n";
    let broken = check(path, after);
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken.iter().all(|finding| finding.starts_with("src/worker.rs:2: ")), "{broken:?}");
}
