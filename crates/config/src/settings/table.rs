//! The table of keys. Loading, `pmon3 config show` and the config.yml that is shipped all follow it.

use super::key::{Key, Kind};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const DAY_S: u64 = 24 * 60 * 60;
const MANY: u32 = 1_000_000;

/// Every key, in the order in which it is shown.
pub(crate) const KEYS: &[Key] = &[
    key("data_dir", Kind::Path(|s| &mut s.data_dir), "directory where the database is stored").nested("data.directory"),
    key("logs_dir", Kind::Path(|s| &mut s.logs_dir), "directory where the logs are stored").nested("logs.directory"),
    key("socket", Kind::Path(|s| &mut s.socket), "the socket on which pmond listens"),
    key("log_level", Kind::Level(|s| &mut s.log_level), "log levels: debug/info/warn/error"),
    key("handle_interrupts", Kind::Truth(|s| &mut s.handle_interrupts), "end the processes when pmond ends"),
    key(
        "process_monitor_interval",
        Kind::Milliseconds(|s| &mut s.process_monitor_interval, 1, 60 * MINUTE_MS),
        "the interval, in milliseconds, that the thresholds of flap detection count",
    ),
    key(
        "initialization_period",
        Kind::Seconds(|s| &mut s.initialization_period, DAY_S),
        "for [n] seconds after the start of pmond restarts run no on_process_restart_exec",
    ),
    key("flap_detection_enabled", Kind::Truth(|s| &mut s.flap_detection_enabled), "enable flap detection")
        .nested("flap_detection.is_enabled"),
    key(
        "flap_detection_threshold_restarted",
        Kind::Count(|s| &mut s.flap_detection_threshold_restarted, 1, MANY),
        "the amount of times a process can restart (within the countdown threshold) until it backs off",
    )
    .nested("flap_detection.threshold_restarted"),
    key(
        "flap_detection_threshold_countdown",
        Kind::Count(|s| &mut s.flap_detection_threshold_countdown, 1, MANY),
        "the amount of intervals for which a process backs off",
    )
    .nested("flap_detection.threshold_countdown"),
    key(
        "flap_detection_threshold_decrement",
        Kind::Count(|s| &mut s.flap_detection_threshold_decrement, 0, MANY),
        "the amount of intervals after which a process that backs off tries one restart; never with 0",
    )
    .nested("flap_detection.threshold_decrement"),
    key(
        "cmd_exec_response_wait",
        Kind::Milliseconds(|s| &mut s.cmd_exec_response_wait, 0, 10 * MINUTE_MS),
        "commands wait at most [n] milliseconds for what they caused before they print the list",
    )
    .nested("wait.cmd_exec_response"),
    key(
        "ipc_connection_wait",
        Kind::Milliseconds(|s| &mut s.ipc_connection_wait, 0, MINUTE_MS),
        "wait [n] milliseconds after connecting to pmond before issuing commands",
    )
    .nested("wait.ipc_connection"),
    key(
        "dependent_process_enqueued_wait",
        Kind::Milliseconds(|s| &mut s.dependent_process_enqueued_wait, 0, DAY_MS),
        "a process runs for [n] milliseconds before those that depend on it start",
    )
    .nested("wait.dependent_process_enqueued"),
    key(
        "on_process_restart_exec",
        Kind::Command(|s| &mut s.on_process_restart_exec),
        "a script to execute when a process is restarted; the process details are its first argument, as JSON",
    )
    .nested("event_handling.process_restart"),
    key(
        "on_process_failure_exec",
        Kind::Command(|s| &mut s.on_process_failure_exec),
        "a script to execute when a process fails (--no-autorestart); the process details are its first argument, as JSON",
    )
    .nested("event_handling.process_failure"),
    key(
        "on_process_backoff_exec",
        Kind::Command(|s| &mut s.on_process_backoff_exec),
        "a script to execute when a process backs off; the process details are its first argument, as JSON",
    )
    .nested("event_handling.process_backoff"),
    key("mq_user", Kind::Name(|s| &mut s.mq_user), "the user who owns the socket")
        .nested("message_queue.user")
        .configor("MESSAGEQUEUEUSER"),
    key(
        "mq_group",
        Kind::Name(|s| &mut s.mq_group),
        "the group that owns the socket; its members may manage every process",
    )
    .nested("message_queue.group")
    .configor("MESSAGEQUEUEGROUP"),
    key("admin_group", Kind::Name(|s| &mut s.admin_group), "one more group whose members may manage every process"),
    key(
        "process_config_file",
        Kind::OptionalPath(|s| &mut s.process_config_file),
        "a configuration file with a list of processes to start on the first initialization (json, yaml or toml); if there is none, process.config.json, .yaml, .yml or .toml in /etc/pmon3/config",
    ),
    key(
        "auto_start",
        Kind::Truth(|s| &mut s.auto_start),
        "commands that start processes start pmond first when none answers",
    ),
    key(
        "restart_delay",
        Kind::Milliseconds(|s| &mut s.restart_delay, 1, DAY_MS),
        "wait [n] milliseconds before the restart after the second run in a row of less than a second, then twice as long each time",
    ),
    key(
        "restart_delay_max",
        Kind::Milliseconds(|s| &mut s.restart_delay_max, 1, DAY_MS),
        "wait at most [n] milliseconds before a restart",
    ),
    key(
        "stop_timeout",
        Kind::Fraction(|s| &mut s.stop_timeout, DAY_S),
        "a process that has not ended [n] seconds after SIGTERM is killed",
    ),
    key(
        "process_tree",
        Kind::Tree(|s| &mut s.process_tree),
        "by what the descendants of a process are found: auto/cgroup/session",
    ),
    key(
        "disable_reloads",
        Kind::Truth(|s| &mut s.disable_reloads),
        "changes of this file wait for the next start of pmond",
    ),
    key("logs.user", Kind::Name(|s| &mut s.logs.user), "the user who owns the logs"),
    key("logs.group", Kind::Name(|s| &mut s.logs.group), "the group that owns the logs"),
    key("logs.directory_mode", Kind::Mode(|s| &mut s.logs.directory_mode), "permission bits of logs_dir"),
    key("logs.file_mode", Kind::Mode(|s| &mut s.logs.file_mode), "permission bits of logs that are made, less the umask"),
    key("data.user", Kind::Name(|s| &mut s.data.user), "the user who owns the database"),
    key("data.group", Kind::Name(|s| &mut s.data.group), "the group that owns the database"),
    key("data.directory_mode", Kind::Mode(|s| &mut s.data.directory_mode), "permission bits of data_dir"),
    key("data.file_mode", Kind::Mode(|s| &mut s.data.file_mode), "permission bits of the database"),
    key("permissions.user", Kind::Name(|s| &mut s.permissions.user), "for logs and data, where they have no user"),
    key("permissions.group", Kind::Name(|s| &mut s.permissions.group), "for logs and data, where they have no group"),
    key(
        "permissions.directory_mode",
        Kind::Mode(|s| &mut s.permissions.directory_mode),
        "for logs and data, where they have no directory_mode",
    ),
    key(
        "permissions.file_mode",
        Kind::Mode(|s| &mut s.permissions.file_mode),
        "for logs and data, where they have no file_mode",
    ),
    key("posix_mq_dir", Kind::OptionalPath(|s| &mut s.unused.posix_mq_dir), UNUSED)
        .nested("message_queue.directory.posix_mq")
        .configor("POSIXMESSAGEQUEUEDIR"),
    key("shmem_dir", Kind::OptionalPath(|s| &mut s.unused.shmem_dir), UNUSED).nested("message_queue.directory.shmem"),
    key("mq_suffix", Kind::Name(|s| &mut s.unused.name_suffix), UNUSED)
        .nested("message_queue.name_suffix")
        .configor("MESSAGEQUEUESUFFIX"),
    key("message_queue.directory_mode", Kind::Mode(|s| &mut s.unused.directory_mode), UNUSED),
    key("message_queue.file_mode", Kind::Mode(|s| &mut s.unused.file_mode), UNUSED),
];

const UNUSED: &str = "accepted and without effect: there are no message queues and no shared memory any more";

impl Key {
    /// Whether it is only there so that old files work unedited.
    pub(crate) fn is_unused(&self) -> bool {
        self.doc == UNUSED
    }

    const fn nested(mut self, path: &'static str) -> Key {
        self.nested = Some(path);
        self
    }

    const fn configor(mut self, name: &'static str) -> Key {
        self.configor = Some(name);
        self
    }
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key {
        name,
        nested: None,
        configor: None,
        kind,
        doc,
    }
}
