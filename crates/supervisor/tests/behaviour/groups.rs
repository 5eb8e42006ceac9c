//! Groups, many to many.

use crate::world::*;
use pmon3_supervisor::*;

fn members(w: &World) -> Vec<(u32, String, Vec<String>)> {
    let plain = |(group, names): (Group, Vec<Name>)| {
        (
            group.id.0,
            group.name.to_string(),
            names.iter().map(Name::to_string).collect(),
        )
    };
    w.core.groups().into_iter().map(plain).collect()
}

fn line(id: u32, name: &str, names: &[&str]) -> (u32, String, Vec<String>) {
    (
        id,
        name.to_owned(),
        names.iter().map(|name| (*name).to_owned()).collect(),
    )
}

#[test]
fn a_group_that_a_new_process_names_is_made_with_it_in_the_same_write() {
    let mut w = World::new();
    w.exec(spec("web").in_groups(&["front", "all"]));
    w.exec(spec("db").in_groups(&["all"]));
    assert_eq!(
        members(&w),
        [line(1, "all", &["web", "db"]), line(2, "front", &["web"])]
    );
    let writes: Vec<usize> = w
        .done
        .iter()
        .filter_map(|effect| match effect {
            Effect::Store {
                changes, durable: true, ..
            } => Some(changes.len()),
            _ => None,
        })
        .collect();
    assert_eq!(writes, [3, 1]);
    w.assert_stored_is_remembered();
}

#[test]
fn processes_are_put_into_groups_and_taken_out_by_ids_and_names() {
    let mut w = World::new();
    w.accepted(Request::CreateGroup(name("front")));
    w.accepted(Request::CreateGroup(name("back")));
    w.exec(spec("web"));
    w.exec(spec("db"));
    let accepted = w.accepted(Request::Assign {
        groups: id_list(&[1, 2]),
        processes: names(&["web", "db"]),
    });
    assert_eq!(accepted.ids, [Id(1), Id(2)]);
    assert_eq!(
        members(&w),
        [line(1, "front", &["web", "db"]), line(2, "back", &["web", "db"])]
    );
    w.accepted(Request::Unassign {
        groups: names(&["front"]),
        processes: id_list(&[2]),
    });
    assert_eq!(
        members(&w),
        [line(1, "front", &["web"]), line(2, "back", &["web", "db"])]
    );
    w.assert_stored_is_remembered();
    assert_eq!(w.starts(Id(1)), 1, "nothing was restarted");
}

#[test]
fn a_deleted_group_leaves_its_members_as_they_are() {
    let mut w = World::new();
    w.exec(spec("web").in_groups(&["front", "all"]));
    w.accepted(Request::DeleteGroups(names(&["front"])));
    assert_eq!(members(&w), [line(1, "all", &["web"])]);
    assert_eq!(w.status(Id(1)), Status::Running);
    assert_eq!(w.view(Id(1)).spec.groups.len(), 1);
    w.assert_stored_is_remembered();
}

#[test]
fn a_group_is_stopped_restarted_and_deleted_as_one() {
    let mut w = World::new();
    w.exec(spec("web").in_groups(&["front"]));
    w.exec(spec("api").in_groups(&["front"]));
    w.exec(spec("db"));
    let front = || Which::Groups(names(&["front"]));
    assert_eq!(
        w.accepted(Request::Stop {
            which: front(),
            force: false
        })
        .ids,
        [Id(1), Id(2)]
    );
    assert_eq!(
        [1, 2, 3].map(|id| w.status(Id(id))),
        [Status::Stopped, Status::Stopped, Status::Running]
    );
    w.accepted(Request::Restart {
        which: front(),
        force: false,
    });
    assert_eq!(w.status(Id(1)), Status::Running);
    w.accepted(Request::Delete {
        which: front(),
        force: false,
    });
    assert_eq!(w.core.views().len(), 1);
    assert_eq!(members(&w), [line(1, "front", &[])], "the group stays");
}

#[test]
fn what_is_wrong_about_groups_is_refused_and_changes_nothing() {
    let mut w = World::new();
    w.exec(spec("web").in_groups(&["front"]));
    assert_eq!(
        w.refused(Request::CreateGroup(name("front"))),
        Refusal::GroupExists(name("front"))
    );
    let refusal = w.refused(Request::DeleteGroups(names(&["front", "fornt"])));
    assert_eq!(
        refusal,
        Refusal::NoSuchGroup(Selector::Name(name("fornt")), Some(name("front")))
    );
    let refusal = w.refused(Request::Assign {
        groups: id_list(&[7]),
        processes: names(&["web"]),
    });
    assert_eq!(refusal, Refusal::NoSuchGroup(Selector::Id(Id(7)), None));
    let refusal = w.refused(Request::Assign {
        groups: names(&["front"]),
        processes: names(&["wbe"]),
    });
    assert_eq!(
        refusal,
        Refusal::NoSuchProcess(Selector::Name(name("wbe")), Some(name("web")))
    );
    assert_eq!(members(&w), [line(1, "front", &["web"])]);
}

#[test]
fn a_group_with_members_of_others_is_not_for_a_stranger_to_change() {
    let mut w = World::new();
    w.exec(spec("web").of_user(1000).in_groups(&["both"]));
    w.exec(spec("db").of_user(1001).in_groups(&["both"]));
    w.accepted(Request::CreateGroup(name("new")));
    let refused = Refusal::NotYours(name("db"), "user1001".to_owned());
    let both = || Which::Groups(names(&["both"]));
    for request in [
        Request::Stop {
            which: both(),
            force: false,
        },
        Request::Assign {
            groups: names(&["new"]),
            processes: names(&["web", "db"]),
        },
        Request::Unassign {
            groups: names(&["both"]),
            processes: names(&["db"]),
        },
        Request::Assign {
            groups: names(&["both"]),
            processes: names(&["db"]),
        },
        Request::DeleteGroups(names(&["both"])),
    ] {
        assert_eq!(w.ask_as(&user(1000), request.clone()), Err(refused.clone()));
        assert!(w.ask_as(&admin(1002), request).is_ok());
    }
    let own = Request::Assign {
        groups: names(&["new"]),
        processes: names(&["web"]),
    };
    assert!(w.ask_as(&user(1000), own).is_ok());
}

#[test]
fn group_numbers_are_above_all_in_use() {
    let mut w = World::new();
    for text in ["a", "b", "c"] {
        w.accepted(Request::CreateGroup(name(text)));
    }
    w.accepted(Request::DeleteGroups(names(&["b"])));
    w.accepted(Request::CreateGroup(name("d")));
    let numbers: Vec<u32> = members(&w).into_iter().map(|(id, ..)| id).collect();
    assert_eq!(numbers, [1, 3, 4]);
}
