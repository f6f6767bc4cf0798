//! The example `doctor`: its advice on findings that are made up, and the program as a stranger
//! runs it, here and where io_uring is denied or limits are low.

mod common;
#[path = "common/situation.rs"]
mod situation;

#[path = "../examples/doctor/advice.rs"]
mod advice;
#[path = "../examples/doctor/eventfd.rs"]
mod eventfd;
#[path = "../examples/doctor/findings.rs"]
#[allow(dead_code, reason = "not all that can be measured is made up")]
mod findings;
#[path = "../examples/doctor/json.rs"]
mod json;
#[path = "../examples/doctor/look.rs"]
#[allow(dead_code, reason = "the program looks, its tests call the parts")]
mod look;
#[path = "../examples/doctor/text.rs"]
mod text;

#[path = "doctor/advices.rs"]
mod advices;
#[path = "doctor/parsing.rs"]
mod parsing;
#[path = "doctor/program.rs"]
mod program;
