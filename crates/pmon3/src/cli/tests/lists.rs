//! What `ls`, `desc` and the groups look like, on narrow and wide terminals and without one.

use super::{Fake, ok, sample, stopped};
use crate::cli::table::Page;
use pmon3_api::{GroupView, ProcessView};

fn screen(width: usize) -> Page {
    Page::Screen { width, colour: false }
}

fn some() -> Vec<ProcessView> {
    let web = ProcessView {
        cpu_percent: 12.345,
        memory_bytes: 45_678_901,
        restart_count: 3,
        user: "www-data".to_owned(),
        ..sample(1, "web")
    };
    let failed = ProcessView {
        pid: None,
        status: "failed".to_owned(),
        error: Some("cannot start /srv/import: no such file".to_owned()),
        ..sample(12, "import-of-the-customers-of-last-year")
    };
    let big = ProcessView {
        memory_bytes: 3 << 30,
        cpu_percent: 150.0,
        status: "backoff".to_owned(),
        ..sample(13, "データ")
    };
    vec![web, stopped(2, "db"), failed, big]
}

fn ls(page: Page) -> String {
    let ended = Fake::new([ok(&some())]).run_on(page, &["ls"]).done();
    assert_eq!(ended.requests, ["GET /v1/processes?usage=true"]);
    ended.out
}

#[test]
fn ls_at_200_columns() {
    assert_eq!(
        ls(screen(200)),
        "\
╭────╥──────────────────────────────────────╥──────╥───╥─────────╥──────────╥────────╥─────────╥─────────────────────╮
│ ID ║ Name                                 ║  PID ║ ⟳ ║ Status  ║ User     ║    CPU ║  Memory ║ Date                │
├────╫──────────────────────────────────────╫──────╫───╫─────────╫──────────╫────────╫─────────╫─────────────────────┤
│  1 ║ web                                  ║ 4001 ║ 3 ║ running ║ www-data ║  12.3% ║ 43.6 MB ║ 2024-05-03 08:09:18 │
│  2 ║ db                                   ║    - ║ 0 ║ stopped ║ joe      ║      - ║       - ║ 2024-05-03 08:09:18 │
│ 12 ║ import-of-the-customers-of-last-year ║    - ║ 0 ║ failed  ║ joe      ║      - ║       - ║ 2024-05-03 08:09:18 │
│ 13 ║ データ                               ║ 4013 ║ 0 ║ backoff ║ joe      ║ 150.0% ║  3.0 GB ║ 2024-05-03 08:09:18 │
╰────╨──────────────────────────────────────╨──────╨───╨─────────╨──────────╨────────╨─────────╨─────────────────────╯
"
    );
}

#[test]
fn ls_at_80_columns_cuts_names_and_keeps_all_columns() {
    assert_eq!(
        ls(screen(80)),
        "\
╭──╥────────────────╥────╥─╥───────╥────────╥──────╥───────╥───────────────────╮
│ID║Name            ║ PID║⟳║Status ║User    ║   CPU║ Memory║Date               │
├──╫────────────────╫────╫─╫───────╫────────╫──────╫───────╫───────────────────┤
│ 1║web             ║4001║3║running║www-data║ 12.3%║43.6 MB║2024-05-03 08:09:18│
│ 2║db              ║   -║0║stopped║joe     ║     -║      -║2024-05-03 08:09:18│
│12║import-of-the-c…║   -║0║failed ║joe     ║     -║      -║2024-05-03 08:09:18│
│13║データ          ║4013║0║backoff║joe     ║150.0%║ 3.0 GB║2024-05-03 08:09:18│
╰──╨────────────────╨────╨─╨───────╨────────╨──────╨───────╨───────────────────╯
"
    );
}

#[test]
fn ls_at_40_columns_leaves_out_what_matters_least() {
    assert_eq!(
        ls(screen(40)),
        "\
╭──╥─────────────╥────╥─╥───────╥──────╮
│ID║Name         ║ PID║⟳║Status ║   CPU│
├──╫─────────────╫────╫─╫───────╫──────┤
│ 1║web          ║4001║3║running║ 12.3%│
│ 2║db           ║   -║0║stopped║     -│
│12║import-of-th…║   -║0║failed ║     -│
│13║データ       ║4013║0║backoff║150.0%│
╰──╨─────────────╨────╨─╨───────╨──────╯
"
    );
}

#[test]
fn ls_without_a_terminal_is_plain_columns() {
    assert_eq!(
        ls(Page::Plain),
        "\
ID  Name                                   PID  Restarts  Status   User         CPU  Memory  Date
 1  web                                   4001         3  running  www-data   12.3%  43.6MB  2024-05-03 08:09:18
 2  db                                       -         0  stopped  joe            -       -  2024-05-03 08:09:18
12  import-of-the-customers-of-last-year     -         0  failed   joe            -       -  2024-05-03 08:09:18
13  データ                                4013         0  backoff  joe       150.0%   3.0GB  2024-05-03 08:09:18
"
    );
}

#[test]
fn ls_colours_by_status() {
    let text = ls(Page::Screen {
        width: 200,
        colour: true,
    });
    for painted in [
        "\x1b[32mrunning",
        "\x1b[33mstopped",
        "\x1b[31mfailed ",
        "\x1b[35mbackoff",
    ] {
        assert!(text.contains(painted), "{painted:?} in {text}");
    }
}

#[test]
fn ls_of_nothing_is_an_empty_table() {
    let ended = Fake::new([ok(&Vec::<ProcessView>::new())]).run(&["ls"]).done();
    assert_eq!(ended.out, "ID  Name  PID  Restarts  Status  User  CPU  Memory  Date\n");
    let ended = Fake::new([ok(&Vec::<ProcessView>::new())])
        .run(&["ls", "--json"])
        .done();
    assert_eq!(ended.out, "[]\n");
}

#[test]
fn ls_as_json_is_an_array_of_what_the_daemon_says() {
    let ended = Fake::new([ok(&some())]).run(&["list", "--json"]).done();
    let processes: Vec<ProcessView> = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(processes, some());
}

fn described() -> ProcessView {
    ProcessView {
        args: vec!["-port=8080".to_owned(), "two words".to_owned(), String::new()],
        env_vars: [
            ("NODE_ENV".to_owned(), "prod".to_owned()),
            ("T".to_owned(), "a\nb".to_owned()),
        ]
        .into(),
        dependencies: vec!["db".to_owned(), "cache".to_owned()],
        groups: vec!["backend".to_owned()],
        memory_bytes: 1 << 20,
        signal: Some(9),
        started_at: Some("2024-05-03T06:09:18Z".to_owned()),
        stop_timeout: Some(2.5),
        ..sample(1, "web")
    }
}

fn desc(page: Page) -> String {
    let ended = Fake::new([ok(&described())]).run_on(page, &["desc", "web"]).done();
    assert_eq!(ended.requests, ["GET /v1/processes/web"]);
    ended.out
}

#[test]
fn desc_at_80_columns() {
    assert_eq!(
        desc(screen(80)),
        "\
╭────────────────╥───────────────────────────╮
│ property       ║ description               │
├────────────────╫───────────────────────────┤
│ status         ║ running                   │
│ id             ║ 1                         │
│ name           ║ web                       │
│ pid            ║ 4001                      │
│ restarted      ║ 0                         │
│ process        ║ /srv/web                  │
│ args           ║ -port=8080 'two words' '' │
│ env-vars       ║ NODE_ENV=prod 'T=a\\nb'    │
│ cwd            ║ /srv                      │
│ user           ║ joe                       │
│ log            ║ /var/log/pmond/web.log    │
│ no-autorestart ║ false                     │
│ stop-timeout   ║ 2.5 s                     │
│ dependencies   ║ db, cache                 │
│ groups         ║ backend                   │
│ cpu            ║ 0.0%                      │
│ memory         ║ 1.0 MB                    │
│ signal         ║ 9 (SIGKILL)               │
│ started_at     ║ 2024-05-03 08:09:18       │
│ created_at     ║ 2024-05-03 07:44:25       │
│ updated_at     ║ 2024-05-03 08:09:18       │
╰────────────────╨───────────────────────────╯
"
    );
}

#[test]
fn desc_at_40_columns_wraps() {
    assert_eq!(
        desc(screen(40)),
        "\
╭──────────────╥───────────────────────╮
│property      ║description            │
├──────────────╫───────────────────────┤
│status        ║running                │
│id            ║1                      │
│name          ║web                    │
│pid           ║4001                   │
│restarted     ║0                      │
│process       ║/srv/web               │
│args          ║-port=8080 'two words' │
│              ║''                     │
│env-vars      ║NODE_ENV=prod 'T=a\\nb' │
│cwd           ║/srv                   │
│user          ║joe                    │
│log           ║/var/log/pmond/web.log │
│no-autorestart║false                  │
│stop-timeout  ║2.5 s                  │
│dependencies  ║db, cache              │
│groups        ║backend                │
│cpu           ║0.0%                   │
│memory        ║1.0 MB                 │
│signal        ║9 (SIGKILL)            │
│started_at    ║2024-05-03 08:09:18    │
│created_at    ║2024-05-03 07:44:25    │
│updated_at    ║2024-05-03 08:09:18    │
╰──────────────╨───────────────────────╯
"
    );
}

#[test]
fn desc_without_a_terminal_is_one_line_for_each_property() {
    assert_eq!(
        desc(Page::Plain),
        "\
property        description
status          running
id              1
name            web
pid             4001
restarted       0
process         /srv/web
args            -port=8080 'two words' ''
env-vars        NODE_ENV=prod 'T=a\\nb'
cwd             /srv
user            joe
log             /var/log/pmond/web.log
no-autorestart  false
stop-timeout    2.5 s
dependencies    db, cache
groups          backend
cpu             0.0%
memory          1.0 MB
signal          9 (SIGKILL)
started_at      2024-05-03 08:09:18
created_at      2024-05-03 07:44:25
updated_at      2024-05-03 08:09:18
"
    );
}

#[test]
fn desc_shows_why_a_process_is_not_running_and_what_is_withheld() {
    let process = ProcessView {
        pid: None,
        status: "failed".to_owned(),
        exit_code: Some(127),
        error: Some("cannot start /srv/web: no such file".to_owned()),
        withheld: true,
        auto_restart: false,
        ..sample(1, "web")
    };
    let out = Fake::new([ok(&process)]).run(&["show", "1"]).done().out;
    for line in [
        "status          failed",
        "pid             -",
        "args            (of another user)",
        "no-autorestart  true",
        "exit code       127",
        "error           cannot start /srv/web: no such file",
    ] {
        assert!(out.lines().any(|there| there == line), "{line} in\n{out}");
    }
}

#[test]
fn desc_as_json_is_an_object_and_of_several_an_array() {
    let out = Fake::new([ok(&described())]).run(&["desc", "1", "--json"]).done().out;
    assert_eq!(serde_json::from_str::<ProcessView>(&out).unwrap(), described());
    let ended = Fake::new([ok(&sample(1, "a")), ok(&sample(2, "b"))])
        .run(&["desc", "a,2", "--json"])
        .done();
    assert_eq!(ended.requests, ["GET /v1/processes/a", "GET /v1/processes/2"]);
    let names: Vec<ProcessView> = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(
        names.iter().map(|process| process.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
}

fn groups() -> Vec<GroupView> {
    let members = ["web", "worker", "import-of-the-customers"];
    let backend = GroupView {
        id: 1,
        name: "backend".to_owned(),
        processes: members.map(str::to_owned).into(),
    };
    vec![
        backend,
        GroupView {
            id: 2,
            name: "empty".to_owned(),
            processes: Vec::new(),
        },
    ]
}

#[test]
fn groups_in_a_list() {
    let list = |page| Fake::new([ok(&groups())]).run_on(page, &["groups", "ls"]).done().out;
    assert_eq!(
        list(screen(40)),
        "\
╭──╥───────╥───────────────────────────╮
│ID║Name   ║Processes                  │
├──╫───────╫───────────────────────────┤
│ 1║backend║web, worker,               │
│  ║       ║import-of-the-customers    │
│ 2║empty  ║-                          │
╰──╨───────╨───────────────────────────╯
"
    );
    assert_eq!(
        list(Page::Plain),
        "ID  Name     Processes\n 1  backend  web,worker,import-of-the-customers\n 2  empty    -\n"
    );
    let json = Fake::new([ok(&groups())]).run(&["group", "list", "--json"]).done().out;
    assert_eq!(serde_json::from_str::<Vec<GroupView>>(&json).unwrap(), groups());
}

#[test]
fn a_group_is_described_with_its_processes() {
    let ended = Fake::new([ok(&groups()[0]), ok(&some())])
        .run(&["group", "desc", "backend"])
        .done();
    assert_eq!(
        ended.requests,
        ["GET /v1/groups/backend", "GET /v1/processes?usage=true"]
    );
    assert_eq!(
        ended.out,
        "\
property  description
id        1
name      backend
ID  Name   PID  Restarts  Status   User        CPU  Memory  Date
 1  web   4001         3  running  www-data  12.3%  43.6MB  2024-05-03 08:09:18
"
    );
}
