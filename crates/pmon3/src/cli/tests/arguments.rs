//! Every invocation that the documentation shows is understood; what makes no sense is refused with status 2.

use super::Fake;
use crate::cli::Cli;
use clap::{CommandFactory, Parser};

#[track_caller]
fn understood(line: &str) {
    if let Err(error) = Cli::try_parse_from(shlex::split(line).unwrap()) {
        panic!("{line}\n{error}");
    }
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_invocation_is_understood() {
    for line in [
        "pmon3 exec ./bin/gin --args \"-prjHome=/srv\" --user joe",
        "pmon3 run ./bin/gin",
        "pmon3 exec /usr/local/bin/happac --user root",
        "pmon3 exec app --name a --log-dir /l --log /f -l /f --args \"-arg1=val1 -arg2=val2\" -a \"-x\" -u joe",
        "pmon3 exec app --env-vars \"ENV_VAR_1=env_var_1_value ENV_VAR_2=env_var_2_value\"",
        "pmon3 exec app -e \"A=1\" --no-autorestart",
        "pmon3 exec app -n -u joe -d parent -d parent2 -g one -g two",
        "pmon3 exec app --log_dir /l --env_vars A=1 --no-auto-restart",
        "pmon3 exec app --dependencies parent-process-name --dependencies parent-process-name2",
        "pmon3 exec app --groups group-name-one --groups group-name-2",
        "pmon3 exec app --dependencies a,b --groups=c,d",
        "pmon3 ls",
        "pmon3 list",
        "pmon3 restart 1",
        "pmon3 start web",
        "pmon3 stop 1",
        "pmon3 stop 1 --force",
        "pmon3 log 1",
        "pmon3 log -a web",
        "pmon3 log -n 10 web",
        "pmon3 log web -n +5",
        "pmon3 log web --lines=+5",
        "pmon3 logf web",
        "pmon3 logf -n 100 web",
        "pmon3 del web",
        "pmon3 delete web",
        "pmon3 del web -f",
        "pmon3 show web",
        "pmon3 desc 1",
        "pmon3 kill",
        "pmon3 kill --force",
        "pmon3 init --process-config-only",
        "pmon3 init -c -b",
        "pmon3 init",
        "pmon3 drop",
        "pmon3 drop --force",
        "pmon3 dgraph --process-config-only",
        "pmon3 dgraph -c",
        "pmon3 order",
        "pmon3 reset",
        "pmon3 reset -p web",
        "pmon3 reset --process 1",
        "pmon3 reset 1,2",
        "pmon3 export",
        "pmon3 export -f toml",
        "pmon3 export -f yaml",
        "pmon3 export toml",
        "pmon3 export --format json --order name",
        "pmon3 topn",
        "pmon3 topn -s 3",
        "pmon3 topn --seconds 3",
        "pmon3 completion zsh",
        "pmon3 version",
        "pmon3 group create happac",
        "pmon3 group assign happac 3,4",
        "pmon3 group desc happac",
        "pmon3 group show happac",
        "pmon3 group remove happac 4",
        "pmon3 group del happac",
        "pmon3 groups ls",
        "pmon3 group list",
        "pmon3 group restart happac",
        "pmon3 group stop 1",
        "pmon3 group drop happac --force",
        "pmon3 group drop happac -f",
        "pmon3 config check",
        "pmon3 config check ./config.yml",
        "pmon3 config show --json",
        "pmon3 daemon --background",
        "pmon3 daemon",
        "pmon3 --no-color ls",
        "pmon3 ls --no-color --json",
    ] {
        understood(line);
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_status_2() {
    for line in [
        "frobnicate",
        "ls extra",
        "stop",
        "stop ''",
        "stop web --wait soon",
        "stop web --wait 1 --no-wait",
        "init --blocking --no-wait",
        "exec",
        "exec app surplus",
        "log web -n many",
        "reset web -p web",
        "topn -s 0",
        "export -f xml",
        "export -o colour",
        "group assign g",
        "completion",
        "ls --jsn",
    ] {
        let args = shlex::split(line).unwrap();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ended = Fake::none().run(&args);
        assert_eq!((ended.status, ended.out.as_str()), (2, ""), "{line}");
        assert!(ended.err.starts_with("error: "), "{line}: {}", ended.err);
    }
}

#[test]
fn help_is_a_result_and_has_examples_for_every_command() {
    let mut all = Cli::command();
    all.build();
    let mut lines = vec![vec![]];
    for command in all
        .get_subcommands()
        .filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        lines.push(vec![command.get_name().to_owned()]);
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            lines.push(vec![command.get_name().to_owned(), inner.get_name().to_owned()]);
        }
    }
    assert!(lines.len() > 30, "{lines:?}");
    for line in lines {
        let args: Vec<&str> = line.iter().map(String::as_str).chain(["--help"]).collect();
        let ended = Fake::none().run(&args).done();
        assert!(ended.out.contains("Usage: pmon3"), "{args:?}: {}", ended.out);
        assert!(ended.out.contains("\nExamples:\n  "), "{args:?}: {}", ended.out);
    }
}

#[test]
fn a_bare_name_of_a_program_or_a_group_of_commands_shows_its_help() {
    let whole = Fake::none().run(&[]).done().out;
    assert!(whole.contains("Usage: pmon3 [OPTIONS] [COMMAND]"), "{whole}");
    let group = Fake::none().run(&["group"]).done().out;
    assert!(
        group.contains("Usage: pmon3 group [OPTIONS] [COMMAND]") && group.contains("assign"),
        "{group}"
    );
}

#[test]
fn both_ways_to_ask_for_the_version_work() {
    for flag in ["--version", "-v", "-V"] {
        assert_eq!(
            Fake::none().run(&[flag]).done().out,
            concat!("pmon3 ", env!("CARGO_PKG_VERSION"), "\n")
        );
    }
}
