//! What the places of files depend on: who we are, and the environment variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Who we are and our environment variables, as far as the configuration looks at them.
#[derive(Clone, Debug)]
pub struct Environment {
    is_root: bool,
    /// What relative paths in variables start from: whoever sets `PMON3_CONF=x.yml` means the file right there.
    directory: PathBuf,
    variables: BTreeMap<OsString, OsString>,
}

const PROCESS_CONFIG_NAMES: [&str; 4] = [
    "process.config.json",
    "process.config.yaml",
    "process.config.yml",
    "process.config.toml",
];

impl Environment {
    /// The real ones. Nothing else here looks at the process.
    pub fn of_this_process() -> Environment {
        Environment {
            is_root: rustix::process::geteuid().is_root(),
            directory: std::env::current_dir().unwrap_or_else(|_| "/".into()),
            variables: std::env::vars_os().collect(),
        }
    }

    /// Invented ones, with `/` as the working directory.
    pub fn new<K: Into<OsString>, V: Into<OsString>>(
        is_root: bool,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Environment {
        Environment {
            is_root,
            directory: "/".into(),
            variables: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        }
    }

    /// A variable's value. One that is empty is not set: that is how scripts unset them.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// Names and values of all variables that begin with `prefix`.
    pub(crate) fn with_prefix(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.variables
            .keys()
            .filter_map(|name| name.to_str())
            .filter(move |name| name.starts_with(prefix))
    }

    /// A path out of a variable, made absolute.
    pub(crate) fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }

    fn base(&self, variable: &str, below_home: &str) -> PathBuf {
        // The XDG specification: a relative path is invalid and ignored.
        match self.variable(variable).map(Path::new).filter(|path| path.is_absolute()) {
            Some(directory) => directory.to_owned(),
            None => Path::new(self.variable("HOME").unwrap_or(OsStr::new("/"))).join(below_home),
        }
    }

    /// The configuration file: `PMON3_CONF`, else the usual place. It need not exist.
    pub fn config_file(&self) -> PathBuf {
        match self.variable("PMON3_CONF") {
            Some(path) => self.absolute(path),
            None => self.config_dir().join("config.yml"),
        }
    }

    fn config_dir(&self) -> PathBuf {
        if self.is_root {
            return "/etc/pmon3/config".into();
        }
        self.base("XDG_CONFIG_HOME", ".config").join("pmon3")
    }

    /// Where the database is, unless the configuration says otherwise.
    pub fn default_data_dir(&self) -> PathBuf {
        if self.is_root {
            return "/etc/pmon3/data".into();
        }
        self.base("XDG_DATA_HOME", ".local/share").join("pmon3")
    }

    /// Where logs are, unless the configuration says otherwise.
    pub fn default_logs_dir(&self) -> PathBuf {
        if self.is_root {
            return "/var/log/pmond".into();
        }
        self.base("XDG_STATE_HOME", ".local/state").join("pmon3/log")
    }

    /// Where the socket is, unless the configuration says otherwise. Without a runtime directory that is below the data.
    pub fn default_socket(&self, data_dir: &Path) -> PathBuf {
        if self.is_root {
            return "/run/pmon3/pmond.sock".into();
        }
        match self
            .variable("XDG_RUNTIME_DIR")
            .map(Path::new)
            .filter(|path| path.is_absolute())
        {
            Some(directory) => directory.join("pmon3/pmond.sock"),
            None => data_dir.join("pmond.sock"),
        }
    }

    /// The process configuration where none is named: the first of the four names that exists beside the configuration
    /// file in force. A daemon with a configuration of its own must not start what the machine's is to start.
    pub fn default_process_config_file(&self, config_file: &Path) -> Option<PathBuf> {
        let directory = config_file.parent().unwrap_or(Path::new("/"));
        PROCESS_CONFIG_NAMES
            .iter()
            .map(|name| directory.join(name))
            .find(|path| path.exists())
    }
}
