# `just` lists the recipes; CI runs the same ones through .ci/run.

default:
    @just --list

# All that must hold before a change goes in.
check: fmt lint doc test

# Formatting.
fmt:
    cargo fmt --all --check

# Lints, with warnings denied.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Documentation, with warnings denied.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# All tests.
test *ARGS:
    cargo test --workspace {{ARGS}}

# The simulation of the core: `just simulate 1000000`.
simulate SEEDS="10000":
    SIM_SEEDS={{SEEDS}} cargo test --release -p pmon3-supervisor --test simulation

# Licences, bans, advisories, sources (needs cargo-deny).
deny:
    cargo deny check

# Benchmarks, next to the machine's own floor.
bench:
    cargo run --release -p pmon3-bench

# What CI does, on this machine.
ci:
    bash .ci/run
