//! Every program passes the kernel's verifier, at a cost that does not creep up: `docs/verifier-budget.json`.
//!
//! `FABRIC_BLESS=1 cargo test -p fabric-tests --test verifier` writes what is measured as the new budget; the change is
//! then reviewed like any other.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use aya::programs::loaded_programs;
use fabric_tests::fabric::Objects;
use fabric_tests::netns::run_tool;
use fabric_userspace::datapath::{Datapath, Program};
use fabric_userspace::ids::Sizes;
use serde_json::{Value, json};

/// Percent above the budget that still pass: another compiler moves the numbers a little.
const TOLERANCE: u64 = 10;
/// The kernel's limit for one program (`BPF_COMPLEXITY_LIMIT_INSNS`).
const KERNEL_LIMIT: u64 = 1_000_000;
/// The kernel's limit of stack bytes (`MAX_BPF_STACK`).
const STACK_LIMIT: u64 = 512;

/// What one program costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    /// Instructions that the verifier looked at, on all ways together.
    verified_instructions: u64,
    /// Size of the machine code.
    jit_bytes: u64,
    /// Deepest stack access.
    stack_bytes: u64,
}

impl Cost {
    fn fields(&self) -> [(&'static str, u64); 3] {
        [
            ("verified_instructions", self.verified_instructions),
            ("jit_bytes", self.jit_bytes),
            ("stack_bytes", self.stack_bytes),
        ]
    }

    fn json(&self) -> Value {
        Value::Object(
            self.fields()
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into_iter()
                .collect(),
        )
    }
}

#[test]
fn every_program_passes_the_verifier_within_its_budget() {
    let mut measured = measure(false);
    let logging = |(program, cost)| (format!("{program} with --log-drops"), cost);
    measured.extend(measure(true).into_iter().map(logging));
    for (program, cost) in &measured {
        println!("{program}: {cost:?}");
        assert!(cost.verified_instructions > 0 && cost.verified_instructions < KERNEL_LIMIT / 10);
        assert!(cost.jit_bytes > 0 && cost.stack_bytes <= STACK_LIMIT);
    }
    if std::env::var_os("FABRIC_BLESS").is_some() {
        bless(&measured);
    }
    let budget: Value = serde_json::from_str(&std::fs::read_to_string(table()).unwrap()).unwrap();
    let excess = excess(&measured, &budget);
    assert!(
        excess.is_empty(),
        "over {}:\n  {}\nsimplify the program, or accept the new cost: FABRIC_BLESS=1 cargo test -p fabric-tests --test verifier",
        table().display(),
        excess.join("\n  ")
    );
}

/// The comparison itself can fail: 10 % pass, more does not, and neither does a program that the table lacks.
#[test]
fn a_cost_beyond_the_tolerance_is_told_with_its_program() {
    let cost = |verified_instructions| Cost {
        verified_instructions,
        jit_bytes: 100,
        stack_bytes: 64,
    };
    let budget = json!({"programs": {"a": cost(1000).json(), "b": cost(1000).json()}});
    let measured = |a, b| BTreeMap::from([("a".to_owned(), cost(a)), ("b".to_owned(), cost(b))]);
    assert!(excess(&measured(1100, 10), &budget).is_empty());
    assert_eq!(
        excess(&measured(1101, 1000), &budget),
        ["a: verified_instructions 1101, budget 1000"]
    );
    let unknown = BTreeMap::from([("c".to_owned(), cost(1))]);
    assert_eq!(
        excess(&unknown, &budget),
        ["c: verified_instructions is not in the table"]
    );
}

/// The kernel keeps 15 letters (`BPF_OBJ_NAME_LEN`).
fn kernel_name(program: Program) -> &'static str {
    let name = program.name();
    name.get(..15).unwrap_or(name)
}

fn measure(log_drops: bool) -> BTreeMap<String, Cost> {
    let folder = tempfile::tempdir().unwrap();
    let (mut datapath, _) = Datapath::open(&folder.path().join("bpf"), &Sizes::default(), 1 << 16, log_drops)
        .expect("the kernel loads the programs (if there is no object in this build: cargo xtask build)");
    let counts = datapath.verified_instructions().unwrap();
    let own = Objects::of(std::process::id()).unwrap().programs;
    let infos: Vec<_> = loaded_programs()
        // Others' may go while they are looked at.
        .filter_map(Result::ok)
        .filter(|info| own.contains(&info.id()))
        .collect();
    let cost = |(program, verified): (Program, u32)| {
        let info = infos
            .iter()
            .find(|info| info.name_as_str() == Some(kernel_name(program)))
            .expect("a loaded program");
        let cost = Cost {
            verified_instructions: verified.into(),
            jit_bytes: info.size_jitted().into(),
            stack_bytes: stack_bytes(info.id()),
        };
        (program.name().to_owned(), cost)
    };
    let measured = counts.into_iter().map(cost).collect();
    datapath.remove().unwrap();
    measured
}

/// The kernel tells the stack depth only to whoever reads the verifier's log; the program's own accesses tell it too.
fn stack_bytes(program: u32) -> u64 {
    let mut dump = Command::new("bpftool");
    dump.args(["prog", "dump", "xlated", "id", &program.to_string()]);
    let text = run_tool(&mut dump).unwrap();
    let depths = text.split("(r10 -").skip(1).filter_map(|rest| {
        let digits = rest.split(')').next()?;
        digits.parse::<u64>().ok()
    });
    depths.max().unwrap_or(0)
}

fn excess(measured: &BTreeMap<String, Cost>, budget: &Value) -> Vec<String> {
    let of_program = |(program, cost): (&String, &Cost)| {
        cost.fields().into_iter().find_map(|(field, value)| {
            match budget["programs"][program][field].as_u64() {
                None => Some(format!("{program}: {field} is not in the table")),
                Some(limit) if value * 100 > limit * (100 + TOLERANCE) => {
                    Some(format!("{program}: {field} {value}, budget {limit}"))
                }
                Some(_) => None,
            }
        })
    };
    measured.iter().filter_map(of_program).collect()
}

fn bless(measured: &BTreeMap<String, Cost>) {
    let programs: serde_json::Map<String, Value> = measured
        .iter()
        .map(|(program, cost)| (program.clone(), cost.json()))
        .collect();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let version: Vec<&str> = kernel.trim().split('.').take(2).collect();
    let budget =
        json!({"measured_on_linux": version.join("."), "tolerance_percent": TOLERANCE, "programs": programs});
    let text = serde_json::to_string_pretty(&budget).unwrap() + "\n";
    std::fs::write(table(), text).unwrap();
}

fn table() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/verifier-budget.json")
}
