//! Ten thousand lives of a daemon. A seed decides all that happens: requests of several callers, deaths, programs that
//! cannot be started or ended, a disk that fails, clocks that jump, and a daemon that is killed between any two of its
//! effects, loses power, closes and comes back. `checks.rs` says what must hold whatever happens.
//!
//! `SIM_SEEDS=n` sets how many seeds are lived through (from `SIM_FIRST=n` on), `SEED=n` lives through one and tells
//! what happens in it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "../world/mod.rs"]
mod world;

mod actions;
mod checks;
mod life;
mod model;
mod reached;
mod rng;

use life::Simulation;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// In one life.
const STEPS: u32 = 500;

/// So many lives reach everything.
const MANY: u64 = 2_000;

#[test]
fn the_invariants_hold_for_every_even_seed() {
    live_through(0);
}

#[test]
fn the_invariants_hold_for_every_odd_seed() {
    live_through(1);
}

/// Two tests, so that two processors share the work.
fn live_through(parity: u64) {
    if let Some(seed) = number("SEED") {
        if seed % 2 == parity {
            run(seed, true);
        }
        return;
    }
    let first = number("SIM_FIRST").unwrap_or(0);
    let count = number("SIM_SEEDS").unwrap_or(2_000);
    let mut reached = BTreeSet::new();
    for seed in (first..first + count).filter(|seed| seed % 2 == parity) {
        match catch_unwind(AssertUnwindSafe(|| run(seed, false))) {
            Ok(more) => reached.extend(more),
            Err(failure) => {
                say(&format!("SEED={seed} cargo test -p pmon3-supervisor --test simulation"));
                resume_unwind(failure);
            }
        }
    }
    if count >= MANY {
        let missing: Vec<&str> = reached::ALL
            .into_iter()
            .filter(|what| !reached.contains(what))
            .collect();
        assert!(missing.is_empty(), "{count} lives, and never: {missing:?}");
    }
}

/// Lives through one seed, and says what happened in it.
fn run(seed: u64, aloud: bool) -> BTreeSet<&'static str> {
    let mut simulation = Simulation::new(seed, aloud);
    for _ in 0..STEPS {
        simulation.step();
    }
    simulation.come_to_rest();
    simulation.reached
}

#[allow(clippy::disallowed_methods, reason = "whoever runs the test says which seeds")]
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}

#[allow(clippy::disallowed_macros, reason = "whoever runs the test reads it")]
fn say(text: &str) {
    eprintln!("{text}");
}
