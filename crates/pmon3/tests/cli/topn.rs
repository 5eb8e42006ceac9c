//! `topn`: the processes in the system's own top.

use crate::world::terminal::Terminal;
use crate::world::{PMON3, World, program};

#[test]
fn topn_shows_pmond_and_the_processes_as_they_come_and_go_until_q_or_esc() {
    let Some(_) = program("top") else { return };
    for leave in ["q", "\x1b"] {
        let world = World::new();
        world.exec("web", "hold");
        let mut terminal = Terminal::run(world.client(PMON3).args(["topn", "-s", "1"]), 120, 30);
        let shows = |pid: u32| move |text: &str| text.split_whitespace().any(|word| word == pid.to_string());
        terminal.until("pmond", shows(world.daemon_pid()));
        terminal.until("the process", shows(world.pid("web")));
        world.exec("late", "hold");
        terminal.until("one that came later", shows(world.pid("late")));
        terminal.press(leave);
        assert_eq!(terminal.end().0, Some(0));
    }
}

#[test]
fn s_switches_the_sort() {
    let Some(_) = program("top") else { return };
    let world = World::new();
    let mut terminal = Terminal::run(world.client(PMON3).arg("topn"), 120, 30);
    terminal.until("its keys", |text| text.contains("sort by CPU"));
    terminal.press("s");
    terminal.until("the other sort", |text| text.contains("sort by memory"));
    terminal.press("q");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn with_more_processes_than_top_takes_it_says_so() {
    let Some(_) = program("top") else { return };
    let world = World::new();
    let many: Vec<(String, &[&str])> = (0..25).map(|n| (format!("p{n}"), &[][..])).collect();
    let many: Vec<(&str, &[&str])> = many.iter().map(|(name, on)| (name.as_str(), *on)).collect();
    super::order::entries(&world, &many);
    world.pmon3(&["init"]);
    let mut terminal = Terminal::run(world.client(PMON3).arg("topn"), 120, 30);
    terminal.until("what is left out", |text| text.contains("of 25"));
    terminal.press("q");
    assert_eq!(terminal.end().0, Some(0));
}
