//! Translations between the rooms: settings to the core's policy, the kernel's words to the core's.

use pmon3_config::Settings;
use pmon3_supervisor::{Exit, FlapPolicy, Policy};

/// The settings that decisions depend on.
pub(crate) fn from_settings(settings: &Settings, owner: u32) -> Policy {
    let interval = settings.process_monitor_interval;
    Policy {
        owner,
        admin_gids: admin_gids(settings),
        stop_on_shutdown: settings.handle_interrupts,
        restart_delay: settings.restart_delay,
        restart_delay_max: settings.restart_delay_max,
        stop_timeout: settings.stop_timeout,
        dependency_wait: settings.dependent_process_enqueued_wait,
        flap: settings.flap_detection_enabled.then(|| FlapPolicy {
            restarted: settings.flap_detection_threshold_restarted,
            countdown: interval.saturating_mul(settings.flap_detection_threshold_countdown),
            decrement: interval.saturating_mul(settings.flap_detection_threshold_decrement),
        }),
    }
}

/// The groups whose members manage everything. One that does not exist grants nothing, and is told.
fn admin_gids(settings: &Settings) -> Vec<u32> {
    [("mq_group", &settings.mq_group), ("admin_group", &settings.admin_group)]
        .into_iter()
        .filter_map(|(key, name)| name.as_deref().map(|name| (key, name)))
        .filter_map(|(key, name)| group(key, name))
        .collect()
}

/// The id of a group that a key names.
pub(crate) fn group(key: &str, name: &str) -> Option<u32> {
    match pmon3_linux::user::group_id(name) {
        Ok(Some(gid)) => Some(gid),
        Ok(None) => {
            log::warn!("{key}: there is no group `{name}`");
            None
        }
        Err(error) => {
            log::warn!("{key}: {error}");
            None
        }
    }
}

/// How something ended, in the core's words.
pub(crate) fn exit(exit: pmon3_linux::reap::Exit) -> Exit {
    match exit {
        pmon3_linux::reap::Exit::Code(code) => Exit::Code(code),
        pmon3_linux::reap::Exit::Signal(signal) => Exit::Signal(signal),
        pmon3_linux::reap::Exit::Unknown => Exit::Unknown,
    }
}
