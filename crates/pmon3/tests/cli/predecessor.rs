//! A database of the predecessor is taken over on the first start.

use crate::world::{World, fixture};
use serde_json::json;

/// The tables as GORM makes them.
const TABLES: &str = "
CREATE TABLE `groups` (`id` integer PRIMARY KEY AUTOINCREMENT,`created_at` datetime,`updated_at` datetime,`deleted_at` datetime,`name` text,CONSTRAINT `uni_groups_name` UNIQUE (`name`));
CREATE TABLE `process_groups` (`process_id` integer,`group_id` integer,PRIMARY KEY (`process_id`,`group_id`),CONSTRAINT `fk_process_groups_process` FOREIGN KEY (`process_id`) REFERENCES `processes`(`id`),CONSTRAINT `fk_process_groups_group` FOREIGN KEY (`group_id`) REFERENCES `groups`(`id`));
CREATE TABLE `processes` (`created_at` datetime,`updated_at` datetime,`log` text,`name` text,`process_file` text,`args` text,`env_vars` text,`username` text,`memory_usage` text,`cpu_usage` text,`dependencies` text,`status` integer,`id` integer PRIMARY KEY AUTOINCREMENT,`pid` integer,`uid` integer,`gid` integer,`auto_restart` numeric);
";

fn old_world() -> World {
    let world = World::without_daemon("");
    std::fs::create_dir(world.path("data")).unwrap();
    let connection = rusqlite::Connection::open(world.path("data/data.db")).unwrap();
    connection.execute_batch(TABLES).unwrap();
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let user = crate::world::kernel::account(|fields| fields[2] == uid.to_string()).unwrap()[0].clone();
    for (id, name, status) in [(1, "running", 2), (3, "stopped", 3), (7, "closed", 5)] {
        connection
            .execute(
                "INSERT INTO processes VALUES ('2024-05-03 05:44:25.114957302+00:00','2024-05-03 06:09:18.71222185+00:00',
                 ?1,?2,?3,'hold','A=1 B=2',?4,'','','[]',?5,?6,4952,?7,?8,1)",
                rusqlite::params![
                    world.at(&format!("{name}.log")),
                    name,
                    fixture().display().to_string(),
                    user,
                    status,
                    id,
                    uid,
                    gid
                ],
            )
            .unwrap();
    }
    connection
        .execute_batch(
            "INSERT INTO groups VALUES (1,'2024-05-03 05:44:25+00:00','2024-05-03 05:44:25+00:00',NULL,'happac');
             INSERT INTO process_groups VALUES (1,1),(3,1);",
        )
        .unwrap();
    drop(connection);
    world
}

#[test]
fn its_processes_groups_and_what_ran_are_taken_over() {
    let mut world = old_world();
    world.start();
    assert_eq!(world.names(), ["running", "stopped", "closed"]);
    for name in ["running", "closed"] {
        world.until_status(name, "running");
    }
    assert_eq!(world.status("stopped"), "stopped");
    let view = world.desc("7");
    assert_eq!(view["env_vars"], json!({"A": "1", "B": "2"}));
    assert_eq!(view["args"], json!(["hold"]));
    assert_eq!(view["log"], json!(world.at("closed.log")));
    assert_eq!(
        world.json(&["group", "ls", "--json"])[0]["processes"],
        json!(["running", "stopped"])
    );
    // And a second time it is our own.
    world.pmon3(&["stop", "running"]);
    world.stop();
    world.start();
    assert_eq!(world.status("running"), "stopped");
    world.until_status("closed", "running");
}

#[test]
fn a_damaged_one_is_refused_named_and_left_untouched() {
    let world = old_world();
    let path = world.path("data/data.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(half);
    std::fs::write(&path, &bytes).unwrap();
    let said = world.start_in_vain().stderr;
    assert!(said.contains(&path.display().to_string()), "{said}");
    assert!(std::fs::read(&path).unwrap() == bytes, "the file was changed");
}
