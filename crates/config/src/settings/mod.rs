//! The settings of `pmond` and `pmon3`.

mod key;
mod load;
mod loaded;
mod salvage;
mod sample;
mod table;
mod variables;

pub use load::{load, load_file};
pub use loaded::{Loaded, Origin, Shown};
pub use salvage::salvage_socket;
pub use sample::sample_config;

use crate::environment::Environment;
use std::path::PathBuf;
use std::time::Duration;

/// How much goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What is done, and why.
    Info,
    /// What a person should look at.
    Warn,
    /// What could not be done.
    Error,
}

impl LogLevel {
    pub(crate) const WORDS: [(&'static str, LogLevel); 4] = [
        ("debug", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
    ];
}

impl From<LogLevel> for log::LevelFilter {
    fn from(level: LogLevel) -> log::LevelFilter {
        match level {
            LogLevel::Debug => log::LevelFilter::Debug,
            LogLevel::Info => log::LevelFilter::Info,
            LogLevel::Warn => log::LevelFilter::Warn,
            LogLevel::Error => log::LevelFilter::Error,
        }
    }
}

/// By what the descendants of a process are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessTree {
    /// By cgroups where they can be made, else by sessions.
    Auto,
    /// By cgroups only.
    Cgroup,
    /// By parents, sessions and marks only.
    Session,
}

impl ProcessTree {
    pub(crate) const WORDS: [(&'static str, ProcessTree); 3] = [
        ("auto", ProcessTree::Auto),
        ("cgroup", ProcessTree::Cgroup),
        ("session", ProcessTree::Session),
    ];
}

/// Whose a directory and its files are to be. What is `None` was not configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ownership {
    /// The owner's name.
    pub user: Option<String>,
    /// The group's name.
    pub group: Option<String>,
    /// Permission bits of directories.
    pub directory_mode: Option<u32>,
    /// Permission bits of files.
    pub file_mode: Option<u32>,
}

impl Ownership {
    /// This one, and where it says nothing the other.
    fn or(&self, other: &Ownership) -> Ownership {
        Ownership {
            user: self.user.clone().or_else(|| other.user.clone()),
            group: self.group.clone().or_else(|| other.group.clone()),
            directory_mode: self.directory_mode.or(other.directory_mode),
            file_mode: self.file_mode.or(other.file_mode),
        }
    }
}

/// Every setting, with its default where nothing else was said. The keys of the configuration file have the same names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the database is.
    pub data_dir: PathBuf,
    /// Where logs are, unless a process says otherwise.
    pub logs_dir: PathBuf,
    /// The socket on which `pmond` listens.
    pub socket: PathBuf,
    /// How much goes to the log.
    pub log_level: LogLevel,
    /// Whether the processes end with `pmond`.
    pub handle_interrupts: bool,
    /// The unit of flap detection.
    pub process_monitor_interval: Duration,
    /// How long after the start restarts run no script.
    pub initialization_period: Duration,
    /// Whether processes that restart too often are held back.
    pub flap_detection_enabled: bool,
    /// How many restarts are too many.
    pub flap_detection_threshold_restarted: u32,
    /// For how many intervals a process is held back.
    pub flap_detection_threshold_countdown: u32,
    /// After how many intervals a process that is held back may try one restart; 0 for never.
    pub flap_detection_threshold_decrement: u32,
    /// How long a command waits for what it caused.
    pub cmd_exec_response_wait: Duration,
    /// How long a client waits after it connected.
    pub ipc_connection_wait: Duration,
    /// How long a process runs before those that depend on it start.
    pub dependent_process_enqueued_wait: Duration,
    /// Program and arguments to run when a process is restarted; none if empty.
    pub on_process_restart_exec: Vec<String>,
    /// Program and arguments to run when a process fails; none if empty.
    pub on_process_failure_exec: Vec<String>,
    /// Program and arguments to run when a process is held back; none if empty.
    pub on_process_backoff_exec: Vec<String>,
    /// The owner of the socket.
    pub mq_user: Option<String>,
    /// The group of the socket, whose members may manage every process.
    pub mq_group: Option<String>,
    /// One more group whose members may manage every process.
    pub admin_group: Option<String>,
    /// The process configuration, if there is one.
    pub process_config_file: Option<PathBuf>,
    /// Whether commands start `pmond` when none answers.
    pub auto_start: bool,
    /// How long the restart waits after the second short run in a row. It doubles with each further one.
    pub restart_delay: Duration,
    /// How long the restart waits at most.
    pub restart_delay_max: Duration,
    /// How long a process has to end by itself before it is killed.
    pub stop_timeout: Duration,
    /// By what the descendants of a process are found.
    pub process_tree: ProcessTree,
    /// Whether changes of the configuration wait for the next start of `pmond`.
    pub disable_reloads: bool,
    /// Whose the logs are to be, where that is not settled by the user a process runs as.
    pub logs: Ownership,
    /// Whose the data directory is to be.
    pub data: Ownership,
    /// What holds for both where they say nothing themselves.
    pub permissions: Ownership,
    /// Keys of message queues and shared memory, which there are none of any more: kept to be shown.
    pub(crate) unused: Unused,
}

/// What the predecessor's ways of talking between its programs needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unused {
    pub(crate) posix_mq_dir: Option<PathBuf>,
    pub(crate) shmem_dir: Option<PathBuf>,
    pub(crate) name_suffix: Option<String>,
    pub(crate) directory_mode: Option<u32>,
    pub(crate) file_mode: Option<u32>,
}

impl Settings {
    /// Whose the log directory and the logs are to be: the keys of `logs`, else those of `permissions`.
    pub fn logs_ownership(&self) -> Ownership {
        self.logs.or(&self.permissions)
    }

    /// Whose the data directory and the database are to be: the keys of `data`, else those of `permissions`.
    pub fn data_ownership(&self) -> Ownership {
        self.data.or(&self.permissions)
    }

    /// What holds where nothing is configured, without a look at the file system.
    pub fn defaults(environment: &Environment) -> Settings {
        let data_dir = environment.default_data_dir();
        Settings {
            socket: environment.default_socket(&data_dir),
            data_dir,
            logs_dir: environment.default_logs_dir(),
            log_level: LogLevel::Info,
            handle_interrupts: true,
            process_monitor_interval: Duration::from_millis(500),
            initialization_period: Duration::from_secs(30),
            flap_detection_enabled: false,
            flap_detection_threshold_restarted: 5,
            flap_detection_threshold_countdown: 120,
            flap_detection_threshold_decrement: 60,
            cmd_exec_response_wait: Duration::from_millis(1500),
            ipc_connection_wait: Duration::ZERO,
            dependent_process_enqueued_wait: Duration::from_millis(2000),
            on_process_restart_exec: Vec::new(),
            on_process_failure_exec: Vec::new(),
            on_process_backoff_exec: Vec::new(),
            mq_user: None,
            mq_group: None,
            admin_group: None,
            process_config_file: None,
            auto_start: true,
            restart_delay: Duration::from_millis(100),
            restart_delay_max: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(10),
            process_tree: ProcessTree::Auto,
            disable_reloads: false,
            logs: Ownership::default(),
            data: Ownership::default(),
            permissions: Ownership::default(),
            unused: Unused::default(),
        }
    }
}
