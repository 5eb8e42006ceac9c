//! Who may do what: real callers, real users, over the real socket. Needs root to become them.

use crate::world::output::Output;
use crate::world::{PMON3, World, fixture, kernel, run, until, we_are_root};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

/// A user of /etc/passwd.
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

fn user(name: &str) -> User {
    let fields = kernel::account(|fields| fields[0] == name).unwrap();
    User {
        name: name.to_owned(),
        uid: fields[2].parse().unwrap(),
        gid: fields[3].parse().unwrap(),
    }
}

/// A daemon of root with programs that everybody can get at.
struct Shared {
    world: World,
    pmon3: PathBuf,
    fixture: PathBuf,
}

impl Shared {
    /// `None` where we are not root and can become nobody else.
    fn new(settings: &str) -> Option<Shared> {
        if !we_are_root() {
            return None;
        }
        let world = World::with(settings);
        // The build may be in a directory that others cannot enter.
        let pmon3 = world.executable("pmon3", PMON3).into();
        let copy = world.executable("fixture", fixture()).into();
        fs::set_permissions(world.path("home"), fs::Permissions::from_mode(0o777)).unwrap();
        Some(Shared {
            world,
            pmon3,
            fixture: copy,
        })
    }

    fn run_as(&self, user: &User, args: &[&str]) -> Output {
        let mut command = self.world.client(&self.pmon3);
        command.args(args).uid(user.uid).gid(user.gid);
        run::to_end(&mut command)
    }

    /// Supervises something as this user, started by this user.
    fn exec_as(&self, user: &User, name: &str) -> Output {
        self.run_as(
            user,
            &["exec", self.fixture.to_str().unwrap(), "--name", name, "--args=hold"],
        )
    }
}

#[track_caller]
fn denied(output: Output) {
    let output = output.fails();
    assert!(output.stderr.contains("permission denied"), "{output:?}");
}

#[test]
fn a_user_starts_programs_as_themselves_and_manages_them() {
    let Some(shared) = Shared::new("") else { return };
    let (world, me) = (&shared.world, user("daemon"));
    shared.exec_as(&me, "mine").succeeds();
    let view = world.desc("mine");
    assert_eq!((&view["user"], &view["uid"]), (&json!(me.name), &json!(me.uid)));
    assert!(kernel::status_field(world.pid("mine"), "Uid").starts_with(&me.uid.to_string()));
    for args in [
        &["stop", "mine"][..],
        &["start", "mine"],
        &["restart", "mine"],
        &["log", "mine"],
        &["desc", "mine"],
    ] {
        shared.run_as(&me, args).succeeds();
    }
    shared.run_as(&me, &["del", "mine"]).succeeds();
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_stranger_may_not_touch_the_process_of_another() {
    let Some(shared) = Shared::new("") else { return };
    let (world, owner, stranger) = (&shared.world, user("daemon"), user("nobody"));
    shared.exec_as(&owner, "theirs").succeeds();
    let pid = world.pid("theirs");
    for args in [
        &["stop", "theirs"][..],
        &["stop", "--force", "1"],
        &["restart", "theirs"],
        &["del", "theirs"],
        &["reset", "theirs"],
        &["log", "theirs"],
        &["logf", "theirs"],
    ] {
        denied(shared.run_as(&stranger, args));
    }
    assert_eq!(world.pid("theirs"), pid);
    // For all: what the caller may manage, which is nothing.
    shared.run_as(&stranger, &["kill"]).succeeds();
    shared.run_as(&stranger, &["drop"]).succeeds();
    assert_eq!(world.pid("theirs"), pid);
    until("a line about it", || world.daemon_log().contains("permission denied"));
}

#[test]
fn nobody_starts_a_program_as_somebody_else() {
    let Some(shared) = Shared::new("") else { return };
    let file = shared.fixture.to_str().unwrap();
    for other in ["root", "bin", "0"] {
        denied(shared.run_as(
            &user("nobody"),
            &["exec", file, "--name", "x", "--args=hold", "--user", other],
        ));
    }
    assert_eq!(shared.world.names(), [""; 0]);
    shared
        .world
        .pmon3(&["exec", file, "--name", "x", "--args=hold", "--user", "bin"]);
    assert_eq!(shared.world.desc("x")["user"], json!("bin"));
}

#[test]
fn everyone_sees_all_processes_but_not_the_arguments_and_environment_of_others() {
    let Some(shared) = Shared::new("") else { return };
    let file = shared.fixture.to_str().unwrap();
    let exec = [
        "exec",
        file,
        "--name",
        "secret",
        "--args=say=password hold",
        "--env-vars",
        "TOKEN=password",
    ];
    shared.run_as(&user("daemon"), &exec).succeeds();
    for args in [
        &["ls", "--json"][..],
        &["desc", "secret", "--json"],
        &["ls"],
        &["desc", "secret"],
    ] {
        let seen = shared.run_as(&user("nobody"), args).succeeds().stdout;
        assert!(seen.contains("secret"), "{args:?}: {seen}");
        assert!(!seen.contains("password"), "{args:?}: {seen}");
        let seen = shared
            .run_as(&user("daemon"), &["desc", "secret", "--json"])
            .succeeds()
            .stdout;
        assert!(seen.contains("password"));
    }
}

#[test]
fn members_of_the_admin_group_manage_all_but_start_only_as_themselves() {
    let admins = user("games").gid;
    let Some(shared) = Shared::new("admin_group: games\n") else {
        return;
    };
    let mut admin = user("nobody");
    admin.gid = admins;
    shared.exec_as(&user("daemon"), "theirs").succeeds();
    for args in [
        &["stop", "theirs"][..],
        &["start", "theirs"],
        &["restart", "theirs"],
        &["log", "theirs"],
    ] {
        shared.run_as(&admin, args).succeeds();
    }
    let file = shared.fixture.to_str().unwrap();
    denied(shared.run_as(&admin, &["exec", file, "--name", "x", "--args=hold", "--user", "bin"]));
    shared.exec_as(&admin, "own").succeeds();
    assert_eq!(shared.world.desc("own")["user"], json!("nobody"));
}

#[test]
fn logs_are_opened_with_the_rights_of_the_user_whose_process_it_is() {
    let Some(shared) = Shared::new("") else { return };
    let (world, me) = (&shared.world, user("nobody"));
    let file = shared.fixture.to_str().unwrap();
    fs::create_dir(world.path("sealed")).unwrap();
    fs::set_permissions(world.path("sealed"), fs::Permissions::from_mode(0o700)).unwrap();
    world.write("sealed/root.log", "of root\n");
    let log = world.at("sealed/root.log");
    shared
        .run_as(
            &me,
            &["exec", file, "--name", "x", "--args=say=mine hold", "--log", &log],
        )
        .fails();
    // A link to it does not help either.
    fs::create_dir(world.path("open")).unwrap();
    fs::set_permissions(world.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink(&log, world.path("open/link.log")).unwrap();
    let link = world.at("open/link.log");
    shared
        .run_as(
            &me,
            &["exec", file, "--name", "y", "--args=say=mine hold", "--log", &link],
        )
        .fails();
    for name in ["x", "y"] {
        shared.run_as(&me, &["del", name]);
    }
    assert_eq!(world.read("sealed/root.log"), "of root\n");
}

#[test]
fn the_default_log_of_a_user_belongs_to_that_user() {
    let Some(shared) = Shared::new("") else { return };
    let (world, me) = (&shared.world, user("nobody"));
    shared.exec_as(&me, "mine").succeeds();
    let log = PathBuf::from(world.desc("mine")["log"].as_str().unwrap());
    until("the log", || log.exists());
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&fs::metadata(&log).unwrap()),
        me.uid
    );
}

#[test]
fn supplementary_groups_are_the_users_own() {
    let Some(shared) = Shared::new("") else { return };
    let world = &shared.world;
    shared.exec_as(&user("nobody"), "mine").succeeds();
    let pid = world.pid("mine");
    let groups = kernel::status_field(pid, "Groups");
    assert_eq!(groups.trim(), user("nobody").gid.to_string());
    for field in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(kernel::status_field(pid, field), "0000000000000000", "{field}");
    }
}

#[test]
fn a_daemon_of_root_takes_no_orders_from_a_file_that_others_can_write() {
    if !we_are_root() {
        return;
    }
    let world = World::without_daemon("");
    fs::set_permissions(world.path("config.yml"), fs::Permissions::from_mode(0o666)).unwrap();
    let said = world.start_in_vain().stderr;
    assert!(said.contains("config.yml") && said.contains("666"), "{said}");
}

#[test]
fn the_socket_is_owned_by_mq_user_and_mq_group() {
    if !we_are_root() {
        return;
    }
    let world = World::with("mq_user: nobody\nmq_group: games\n");
    let socket = fs::metadata(world.socket()).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&socket), user("nobody").uid);
    assert_eq!(std::os::unix::fs::MetadataExt::gid(&socket), user("games").gid);
}
