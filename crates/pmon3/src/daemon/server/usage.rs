//! CPU and memory of whole trees, measured when somebody asks and never else.

use pmon3_linux::tree::Trees;
use pmon3_linux::usage::{Sampler, Tree, Usage};
use pmon3_supervisor::View;
use std::path::PathBuf;

/// Measures, and remembers the last measurement: CPU use is a matter of two.
pub(crate) struct Meter {
    sampler: Option<Sampler>,
    base: Option<PathBuf>,
}

impl Meter {
    /// For trees that are held together in this way.
    pub(crate) fn new(instance: &str, trees: &Trees) -> Meter {
        let sampler = Sampler::new(instance)
            .inspect_err(|error| log::warn!("CPU and memory cannot be measured: {error}"))
            .ok();
        Meter {
            sampler,
            base: trees.base().map(ToOwned::to_owned),
        }
    }

    /// What each of these uses now; nothing where nothing runs.
    pub(crate) fn measure(&mut self, views: &[View]) -> Vec<Usage> {
        let Some(sampler) = &mut self.sampler else {
            return Vec::new();
        };
        let leaves: Vec<Option<PathBuf>> = views
            .iter()
            .map(|view| self.base.as_ref().map(|base| base.join(view.id.to_string())))
            .collect();
        let trees: Vec<Tree<'_>> = views
            .iter()
            .zip(&leaves)
            .filter(|(view, _)| view.pid.is_some())
            .map(|(view, leaf)| Tree {
                id: view.id.0,
                main_pid: view.pid,
                leaf: leaf.as_deref(),
            })
            .collect();
        match sampler.sample(&trees) {
            Ok(used) => views
                .iter()
                .map(|view| used.get(&view.id.0).copied().unwrap_or_default())
                .collect(),
            Err(error) => {
                log::warn!("CPU and memory cannot be measured: {error}");
                Vec::new()
            }
        }
    }
}
