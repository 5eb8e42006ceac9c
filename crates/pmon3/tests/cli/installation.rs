//! `make install` and what it lays down. (The release archive and the Debian package are tried by .ci/packaging.)

use crate::world::{PMON3, PMOND, World, program, run};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A copy of what `make` needs, with the binaries under test as if `make build` had made them.
fn tree(world: &World) -> String {
    let tree = world.at("tree");
    std::fs::create_dir_all(world.path("tree/bin")).unwrap();
    for part in ["Makefile", "Cargo.toml", "dist", "README.md", "CHANGELOG.md", "LICENSE"] {
        let copied = Command::new("cp")
            .args(["-R", &format!("{ROOT}/{part}"), &tree])
            .status()
            .unwrap();
        assert!(copied.success(), "{part}");
    }
    for binary in [PMON3, PMOND] {
        let name = Path::new(binary).file_name().unwrap();
        world.executable(&format!("tree/bin/{}", name.display()), binary);
    }
    tree
}

fn make(world: &World, tree: &str, target: &str) {
    let mut command = world.prepare("make");
    command.args(["-C", tree, target, &format!("DESTDIR={}", world.at("root"))]);
    run::to_end(&mut command).succeeds();
}

#[test]
fn make_installs_and_uninstalls_and_keeps_what_an_administrator_wrote() {
    let Some(_) = program("make") else { return };
    let world = World::without_daemon("");
    let tree = tree(&world);
    make(&world, &tree, "systemd_install");
    let installed = [
        "usr/local/bin/pmon3",
        "usr/local/bin/pmond",
        "etc/pmon3/config/config.yml",
        "etc/logrotate.d/pmond",
        "etc/systemd/system/pmond.service",
        "usr/local/share/bash-completion/completions/pmon3",
        "usr/local/share/zsh/site-functions/_pmon3",
        "usr/local/share/fish/vendor_completions.d/pmon3.fish",
        "usr/local/share/man/man1/pmon3.1",
    ];
    for file in installed {
        assert!(world.path("root").join(file).is_file(), "{file} is missing");
    }
    let mode = |name: &str| {
        std::fs::metadata(world.path("root").join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(mode("etc/pmon3/data"), 0o700);
    assert_eq!(mode("var/log/pmond"), 0o755);
    assert_eq!(mode("etc/pmon3/config/config.yml"), 0o644);
    world.write("root/etc/pmon3/config/config.yml", "log_level: warn\n");
    make(&world, &tree, "systemd_install");
    assert_eq!(world.read("root/etc/pmon3/config/config.yml"), "log_level: warn\n");
    make(&world, &tree, "systemd_uninstall");
    let left: Vec<&str> = installed
        .into_iter()
        .filter(|file| world.path("root").join(file).exists())
        .collect();
    assert_eq!(left, ["etc/pmon3/config/config.yml"]);
}

#[test]
fn an_installed_program_can_be_replaced_while_it_runs() {
    let Some(_) = program("make") else { return };
    let mut world = World::without_daemon("");
    let tree = tree(&world);
    make(&world, &tree, "install");
    let mut command = world.prepare(world.path("root/usr/local/bin/pmond"));
    world.start_by(&mut command);
    world.exec("web", "hold");
    let pid = world.pid("web");
    make(&world, &tree, "install");
    assert_eq!(world.pid("web"), pid);
}

#[test]
fn systemd_accepts_the_unit() {
    let Some(analyze) = program("systemd-analyze") else {
        return;
    };
    let world = World::without_daemon("");
    let unit = std::fs::read_to_string(format!("{ROOT}/dist/pmond.service")).unwrap();
    for line in [
        "Type=notify",
        "KillMode=process",
        "Delegate=yes",
        "OOMPolicy=continue",
        "Restart=on-failure",
    ] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
    // It looks whether the program and the manual pages are there, which is not the question here.
    let unit = unit.replace("/usr/local/bin/pmond", PMOND);
    let unit: String = unit
        .lines()
        .filter(|line| !line.starts_with("Documentation="))
        .map(|l| format!("{l}\n"))
        .collect();
    let file = world.write("pmond.service", &unit);
    let output = run::to_end(world.prepare(analyze).args(["verify", "--man=no", &file])).succeeds();
    assert!(!output.stderr.contains("pmond.service"), "{}", output.stderr);
}

#[test]
fn logrotate_accepts_its_file() {
    let Some(logrotate) = program("logrotate") else { return };
    let world = World::without_daemon("");
    std::fs::create_dir(world.path("logs")).unwrap();
    world.write("logs/web.log", "a line\n");
    let text = std::fs::read_to_string(format!("{ROOT}/dist/pmond.logrotate")).unwrap();
    let file = world.write(
        "logrotate",
        &text
            .replace("/var/log/pmond", &world.at("logs"))
            .replace("su root root", ""),
    );
    let output = run::to_end(world.prepare(logrotate).args(["-d", "-s", &world.at("state"), &file])).succeeds();
    assert!(output.stderr.contains("web.log"), "{}", output.stderr);
    assert!(!output.stderr.contains("error"), "{}", output.stderr);
}
