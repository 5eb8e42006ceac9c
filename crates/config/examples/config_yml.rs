//! Prints dist/config.yml: `cargo run -p pmon3-config --example config_yml > dist/config.yml`.

fn main() {
    print!("{}", pmon3_config::sample_config());
}
