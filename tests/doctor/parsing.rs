//! What is read from procfs and cgroups, and how it is written as JSON.

use std::path::Path;

use crate::findings::Limit;
use crate::json::Json;
use crate::look::{cgroup_folders, count_of_list, limit_of, may_lock_any, quota_of_1, quota_of_2};

#[test]
fn lists_of_processors_are_counted() {
    assert_eq!(count_of_list("0"), Some(1));
    assert_eq!(count_of_list("0-3"), Some(4));
    assert_eq!(count_of_list("0-3,8,10-11"), Some(7));
    assert_eq!(count_of_list(""), None);
    assert_eq!(count_of_list("a-b"), None);
}

#[test]
fn limits_are_read_with_how_far_they_may_be_raised() {
    let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                  Max processes             96365                unlimited            processes\n\
                  Max open files            1024                 524288               files\n";
    assert_eq!(limit_of(limits, "Max open files"), Some(Limit { soft: 1024, hard: 524_288 }));
    let processes = Limit { soft: 96_365, hard: u64::MAX };
    assert_eq!(limit_of(limits, "Max processes"), Some(processes));
    assert_eq!(limit_of(limits, "Max locked memory"), None);
    assert_eq!(limit_of("", "Max processes"), None);
}

#[test]
fn quotas_of_both_kinds_of_cgroups_are_understood() {
    assert_eq!(quota_of_2("150000 100000\n"), Some(1.5));
    assert_eq!(quota_of_2("max 100000\n"), None);
    assert_eq!(quota_of_2(""), None);
    assert_eq!(quota_of_1("50000\n", "100000\n"), Some(0.5));
    assert_eq!(quota_of_1("-1\n", "100000\n"), None);
    assert_eq!(quota_of_1("50000", "0"), None);
}

#[test]
fn the_cgroups_on_the_way_to_the_root_are_looked_at() {
    let folders = cgroup_folders("0::/a/b\n");
    let expected = ["/sys/fs/cgroup/a/b", "/sys/fs/cgroup/a", "/sys/fs/cgroup"];
    assert!(folders.iter().map(|folder| folder.as_path()).eq(expected.map(Path::new)));
    let folders = cgroup_folders("4:memory:/m\n2:cpu,cpuacct:/c\n");
    let expected = ["/sys/fs/cgroup/cpu,cpuacct/c", "/sys/fs/cgroup/cpu,cpuacct"];
    assert!(folders.iter().map(|folder| folder.as_path()).eq(expected.map(Path::new)));
    assert!(cgroup_folders("nonsense").is_empty());
}

#[test]
fn the_right_to_lock_memory_is_one_bit_of_a_set() {
    assert!(may_lock_any("Name:\tx\nCapEff:\t0000000000004000\n"));
    assert!(may_lock_any("CapEff:\t000001ffffffffff\n"));
    assert!(!may_lock_any("CapEff:\t000001ffffffbfff\n"));
    assert!(!may_lock_any("CapPrm:\t000001ffffffffff\n"));
    assert!(!may_lock_any(""));
}

#[test]
fn an_eventfd_takes_what_is_written_to_it() {
    use std::io::{Read, Write};

    let mut file = crate::eventfd::new().expect("one can be made");
    for _ in 0..3 {
        file.write_all(&2u64.to_ne_bytes()).expect("it counts");
    }
    let mut count = [0; 8];
    file.read_exact(&mut count).expect("it has counted");
    assert_eq!(u64::from_ne_bytes(count), 6);
}

#[test]
fn json_is_escaped_and_has_no_number_that_is_none() {
    let object = Json::Object(vec![
        ("text", Json::Text(String::from("a \"quoted\"\\\n\u{1} µs"))),
        ("list", Json::List(vec![Json::Null, Json::Bool(true), Json::Integer(u64::MAX)])),
        ("numbers", Json::List(vec![Json::Number(1.25), Json::Number(f64::NAN)])),
        ("empty", Json::List(Vec::new())),
    ]);
    let expected = r#"{"text":"a \"quoted\"\\\u000a\u0001 µs","#.to_owned()
        + r#""list":[null,true,18446744073709551615],"numbers":[1.2,null],"empty":[]}"#;
    assert_eq!(object.to_string(), expected);
}
