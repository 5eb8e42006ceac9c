//! Shell completion, and manual pages.

use crate::world::{World, program, run};
use std::path::Path;

#[test]
fn each_shell_gets_a_script() {
    let world = World::without_daemon("");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.pmon3(&["completion", shell]).stdout;
        assert!(script.contains("pmon3"), "{shell}: {script}");
    }
    world.run(&["completion", "tcsh"]).ends_with(2);
}

/// What bash offers for this command line, by the script that we gave it.
fn offers(world: &World, words: &[&str]) -> Vec<String> {
    let dir = Path::new(crate::world::PMON3).parent().unwrap();
    let script = world.pmon3(&["completion", "bash"]).stdout;
    let file = world.write("completion.bash", &script);
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let ask = format!(
        "source {file}\nfunction_name=$(complete -p pmon3 | sed 's/.*-F \\([^ ]*\\).*/\\1/')\nCOMP_WORDS=({})\n\
         COMP_CWORD={}\nCOMP_LINE='{}'\nCOMP_POINT=${{#COMP_LINE}}\nCOMP_TYPE=9\n\
         $function_name pmon3 '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        quoted.join(" "),
        words.len() - 1,
        words.join(" "),
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let mut command = world.client("bash");
    let path = std::env::var("PATH").unwrap();
    command
        .env("PATH", format!("{}:{path}", dir.display()))
        .args(["--norc", "-c", &ask]);
    let output = run::to_end(&mut command).succeeds();
    output
        .stdout
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn bash_completes_commands_and_the_names_of_the_running_daemon() {
    let Some(_) = program("bash") else { return };
    let world = World::new();
    world.exec_with("webserver", "hold", &["--groups", "frontend"]);
    world.exec("worker", "hold");
    assert!(offers(&world, &["pmon3", "rest"]).contains(&"restart".to_owned()));
    let all = offers(&world, &["pmon3", "stop", ""]);
    assert!(
        all.contains(&"webserver".to_owned()) && all.contains(&"worker".to_owned()),
        "{all:?}"
    );
    assert_eq!(offers(&world, &["pmon3", "stop", "web"]), ["webserver"]);
    assert_eq!(offers(&world, &["pmon3", "group", "stop", "fr"]), ["frontend"]);
}

#[test]
fn fish_completes_the_names_of_the_running_daemon() {
    let Some(_) = program("fish") else { return };
    let world = World::new();
    world.exec("webserver", "hold");
    let script = world.pmon3(&["completion", "fish"]).stdout;
    let file = world.write("completion.fish", &script);
    let dir = Path::new(crate::world::PMON3).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = world.client("fish");
    command.env("PATH", format!("{}:{path}", dir.display())).args([
        "--no-config",
        "-c",
        &format!("source {file}; complete -C 'pmon3 stop web'"),
    ]);
    let offered = run::to_end(&mut command).succeeds().stdout;
    assert_eq!(offered.split_whitespace().next(), Some("webserver"), "{offered}");
}

#[test]
fn zsh_accepts_its_script() {
    let Some(_) = program("zsh") else { return };
    let world = World::without_daemon("");
    let script = world.pmon3(&["completion", "zsh"]).stdout;
    let file = world.write("_pmon3", &script);
    run::to_end(world.prepare("zsh").args(["-n", &file])).succeeds();
}

#[test]
fn without_a_daemon_completion_is_silent() {
    let Some(_) = program("bash") else { return };
    let world = World::without_daemon("");
    assert_eq!(offers(&world, &["pmon3", "stop", "web"]), [""; 0]);
    assert!(!world.path("data").exists(), "and starts none");
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let world = World::without_daemon("");
    let dir = world.at("man");
    world.pmon3(&["man", &dir]);
    let pages: Vec<String> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for command in [
        "",
        "-exec",
        "-ls",
        "-desc",
        "-stop",
        "-restart",
        "-del",
        "-log",
        "-logf",
        "-kill",
        "-init",
        "-drop",
        "-dgraph",
        "-reset",
        "-export",
        "-topn",
        "-group",
        "-group-assign",
        "-completion",
        "-version",
        "-config",
        "-daemon",
    ] {
        assert!(
            pages.contains(&format!("pmon3{command}.1")),
            "pmon3{command}.1 is not among {pages:?}"
        );
    }
}
