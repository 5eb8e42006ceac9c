//! Dependencies: start order and cycles. Names that nobody has do not count, as the contract says.

use crate::spec::Name;
use std::collections::{BTreeMap, BTreeSet};

/// Who depends on whom: each name with those that must run before it.
pub type Graph<'a> = BTreeMap<&'a Name, &'a [Name]>;

/// A circle in the graph, if there is one: each name depends on the one after it, and the first stands at the end again.
#[must_use]
pub fn cycle(graph: &Graph<'_>) -> Option<Vec<Name>> {
    cycle_from(graph.keys().copied(), |name| graph.get(name).copied())
}

/// The same among all that can be reached from these names; `needs` says what a name depends on, if somebody has it.
pub(crate) fn cycle_from<'a>(
    starts: impl Iterator<Item = &'a Name>,
    needs: impl Fn(&Name) -> Option<&'a [Name]>,
) -> Option<Vec<Name>> {
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    for start in starts {
        if done.contains(start) {
            continue;
        }
        // A walk without recursion: a chain may be as long as there are processes. Each step of the path: a name, what
        // it needs, and how many of those were followed.
        let mut path: Vec<(&Name, &[Name], usize)> = vec![(start, needs(start).unwrap_or_default(), 0)];
        let mut on_path: BTreeSet<&Name> = BTreeSet::from([start]);
        while let Some((name, all, followed)) = path.last_mut() {
            let Some(dependency) = all.get(*followed) else {
                done.insert(name);
                on_path.remove(*name);
                path.pop();
                continue;
            };
            *followed += 1;
            if on_path.contains(dependency) {
                let from = path.iter().position(|(name, ..)| *name == dependency).unwrap_or(0);
                let mut circle: Vec<Name> = path[from..].iter().map(|(name, ..)| (*name).clone()).collect();
                circle.push(dependency.clone());
                return Some(circle);
            }
            if !done.contains(dependency) {
                on_path.insert(dependency);
                path.push((dependency, needs(dependency).unwrap_or_default(), 0));
            }
        }
    }
    None
}

/// All names, each after those that it depends on; among equals in the order of `queue`.
/// Names that are in a circle come last, in the order of `queue`.
#[must_use]
pub fn start_order(queue: &[Name], graph: &Graph<'_>) -> Vec<Name> {
    let known: BTreeSet<&Name> = queue.iter().collect();
    let mut missing: BTreeMap<&Name, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
    for (place, name) in queue.iter().enumerate() {
        let needs: BTreeSet<&Name> = graph
            .get(name)
            .into_iter()
            .copied()
            .flatten()
            .filter(|d| known.contains(d))
            .collect();
        missing.insert(name, needs.len());
        for need in needs {
            dependents.entry(need).or_default().push(place);
        }
    }
    let mut ready: BTreeSet<usize> = (0..queue.len()).filter(|place| missing[&queue[*place]] == 0).collect();
    let mut order = Vec::with_capacity(queue.len());
    let mut placed: BTreeSet<usize> = BTreeSet::new();
    while let Some(place) = ready.pop_first() {
        order.push(queue[place].clone());
        placed.insert(place);
        for dependent in dependents.get(&queue[place]).into_iter().flatten() {
            if let Some(count) = missing.get_mut(&queue[*dependent]) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*dependent);
                }
            }
        }
    }
    order.extend(
        (0..queue.len())
            .filter(|place| !placed.contains(place))
            .map(|place| queue[place].clone()),
    );
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;
    use proptest::prelude::*;

    fn owned(edges: &[(usize, Vec<usize>)]) -> Vec<(Name, Vec<Name>)> {
        edges
            .iter()
            .map(|(n, needs)| {
                (
                    name(&format!("p{n}")),
                    needs.iter().map(|d| name(&format!("p{d}"))).collect(),
                )
            })
            .collect()
    }

    fn graph(owned: &[(Name, Vec<Name>)]) -> Graph<'_> {
        owned.iter().map(|(n, needs)| (n, needs.as_slice())).collect()
    }

    #[test]
    fn a_cycle_is_named_with_its_first_member_repeated() {
        let edges = owned(&[(1, vec![2]), (2, vec![3]), (3, vec![2])]);
        let circle = cycle(&graph(&edges)).unwrap();
        assert_eq!(circle, [name("p2"), name("p3"), name("p2")]);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_needs_no_deep_stack() {
        let edges = owned(&(0..100_000).map(|n| (n, vec![n + 1])).collect::<Vec<_>>());
        assert_eq!(cycle(&graph(&edges)), None);
        let queue: Vec<Name> = edges.iter().map(|(n, _)| n.clone()).collect();
        assert_eq!(start_order(&queue, &graph(&edges)).first(), Some(&name("p99999")));
    }

    /// Any graph over up to 12 names, some edges leading to names that nobody has.
    fn any_graph() -> impl Strategy<Value = Vec<(usize, Vec<usize>)>> {
        prop::collection::vec(prop::collection::vec(0usize..15, 0..4), 1..12)
            .prop_map(|all| all.into_iter().enumerate().collect())
    }

    proptest! {
        #[test]
        fn the_start_order_has_each_name_once_and_dependencies_first_unless_there_is_a_cycle(edges in any_graph()) {
            let edges = owned(&edges);
            let graph = graph(&edges);
            let queue: Vec<Name> = edges.iter().map(|(n, _)| n.clone()).collect();
            let order = start_order(&queue, &graph);
            prop_assert_eq!(order.iter().collect::<BTreeSet<_>>(), queue.iter().collect::<BTreeSet<_>>());
            prop_assert_eq!(order.len(), queue.len());
            if cycle(&graph).is_none() {
                for (place, name) in order.iter().enumerate() {
                    for need in graph[name] {
                        if let Some(at) = order.iter().position(|n| n == need) {
                            prop_assert!(at < place, "{} before {}", need, name);
                        }
                    }
                }
            }
        }

        #[test]
        fn a_cycle_that_is_reported_is_one(edges in any_graph()) {
            let edges = owned(&edges);
            let graph = graph(&edges);
            if let Some(circle) = cycle(&graph) {
                prop_assert!(circle.len() >= 2);
                prop_assert_eq!(circle.first(), circle.last());
                for pair in circle.windows(2) {
                    prop_assert!(graph[&pair[0]].contains(&pair[1]));
                }
            }
        }

        #[test]
        fn a_graph_in_which_all_edges_lead_backwards_has_no_cycle(edges in any_graph()) {
            let backwards: Vec<(usize, Vec<usize>)> =
                edges.into_iter().map(|(n, needs)| (n, needs.into_iter().filter(|d| *d < n).collect())).collect();
            let edges = owned(&backwards);
            prop_assert_eq!(cycle(&graph(&edges)), None);
        }
    }
}
