//! `pmond`: the rooms, wired together.
//!
//! Three threads. The `owner` has the supervisor and the children, and waits for nobody. The `writer` has the
//! database. The `server` has the socket and everything that only people wait for.

mod children;
mod configuration;
mod directories;
mod guard;
mod hooks;
mod logger;
mod mailbox;
mod owner;
mod perform;
mod policy;
mod restore;
mod server;
mod specs;
mod writer;

use self::children::Children;
use self::configuration::{Configuration, Error};
use self::hooks::Hooks;
use self::mailbox::Mailbox;
use self::owner::{Owner, Parts};
use self::server::{Api, Meter};
use self::specs::Makings;
use self::writer::Writer;
use crate::version::{COMMIT, VERSION};
use pmon3_api::VersionView;
use pmon3_config::{Environment, ProcessTree, Settings};
use pmon3_linux::limits::{self, Inherited};
use pmon3_linux::listen::{self, Owner as SocketOwner};
use pmon3_linux::lock::Lock;
use pmon3_linux::notify::{Notifier, State};
use pmon3_linux::poll::{Poller, Signals, Waker};
use pmon3_linux::spawn::Spawner;
use pmon3_linux::tree::{Choice, Trees};
use pmon3_linux::{oom, reap, user};
use pmon3_store::Store;
use pmon3_supervisor::{Caller, InitScope, Request};
use rustix::process::Signal;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

const HELP: &str = "\
pmond keeps programs alive. It stays in the foreground and writes its log to stderr.

Usage: pmond [--background]

Options:
      --background  leave the session of the terminal
  -h, --help        this text
  -V, --version     the version

Signals: TERM, INT, QUIT end it; HUP reads the configuration again.
Variables: PMON3_CONF, PMON3_PROCESS_CONF, PMON3_SOCKET, PMON3_DEBUG; each key of the configuration as PMON3_KEY.
";

/// What the command line asks for.
enum Ask {
    Run { background: bool },
    Say(String),
}

/// Runs pmond with these arguments, its own name apart.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let background = match parse(arguments) {
        Ok(Ask::Run { background }) => background,
        Ok(Ask::Say(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            complain(&format!("error: {wrong}\nhint: `pmond --help` shows what there is\n"));
            return ExitCode::from(2);
        }
    };
    let notifier = std::env::var_os("NOTIFY_SOCKET");
    let notifier = match Notifier::new(notifier.as_deref()) {
        Ok(notifier) => Arc::new(notifier),
        Err(error) => {
            complain(&format!("error: NOTIFY_SOCKET: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    if background {
        // Fails only for who leads a group already, and has its own session then, too.
        let _ = rustix::process::setsid();
    }
    match run(&notifier) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::logger().flush();
            complain(&format!("error: {error}\n"));
            // Whoever waits for readiness learns why it does not come.
            let _ = notifier.send(&[State::Status(&format!("error: {error}")), State::Errno(1)]);
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Ask, String> {
    let mut background = false;
    for argument in arguments {
        match argument.to_str() {
            Some("--background") => background = true,
            Some("-h" | "--help") => return Ok(Ask::Say(HELP.to_owned())),
            Some("-V" | "--version") => return Ok(Ask::Say(format!("pmond {}\n", VERSION))),
            _ => return Err(format!("pmond has no argument `{}`", argument.to_string_lossy())),
        }
    }
    Ok(Ask::Run { background })
}

fn say(text: &str) {
    // A closed stdout is nothing to complain about.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}

fn run(notifier: &Arc<Notifier>) -> Result<(), Error> {
    let started = Instant::now();
    // Before there is any other thread: one that does not hold them back would swallow them.
    let signals = Signals::block(
        &[Signal::CHILD, Signal::TERM, Signal::INT, Signal::QUIT, Signal::HUP].map(rustix::process::Signal::as_raw),
    )?;
    logger::start(log::LevelFilter::Info, is_journal())?;
    let environment = Environment::of_this_process();
    let owner_uid = rustix::process::geteuid().as_raw();
    let configuration = Configuration::load(environment, owner_uid)?;
    let settings = configuration.shared();
    logger::set_level(settings.log_level.into());

    directories::prepare(&settings)?;
    let lock = Lock::take(&settings.data_dir)?;
    let database = settings.data_dir.join("data.db");
    let mut store = Store::open(&database)?;
    let loaded = store.load()?;
    directories::give_database(&database, &settings)?;
    for note in &loaded.notes {
        log::warn!("{}: {note}", database.display());
    }
    // Opened before anything is done, so that whatever is wrong with it is found before anything is done; answered after.
    let listener = listen::bind(&settings.socket, 0o666, socket_owner(&settings))?;

    let inherited = Inherited {
        oom_score_adj: oom::protect().ok().flatten(),
        nofile: limits::raise_open_files()?,
    };
    reap::become_subreaper()?;
    let bell = Waker::new()?;
    let poller = Poller::new()?;
    let (mailbox, inbox) = Mailbox::new(bell.clone());
    let instance = instance(&settings.data_dir)?;
    let trees = Trees::open(&instance, choice(settings.process_tree))?;
    log::info!(
        "process trees are held together by {}: {}",
        trees.kind(),
        trees.detail()
    );
    let version = version(&trees);
    let meter = Meter::new(&instance, &trees);
    let mut children = Children::new(Spawner::new()?, trees, instance, inherited);
    children.configure(&settings);
    let writer = Writer::start(store, mailbox.clone())?;
    let policy = configuration.policy();
    let (supervisor, effects) = restore::restore(
        owner::now(),
        policy,
        loaded.records,
        loaded.groups,
        &mut children,
        &poller,
    );
    let hooks = Hooks::new(&settings, started);
    let (reload, reloads) = tokio::sync::mpsc::unbounded_channel();
    let parts = Parts {
        supervisor,
        children,
        hooks,
        writer,
        mailbox: mailbox.clone(),
        inbox,
        poller,
        signals,
        bell,
        reload,
    };
    let mut owner = Owner::new(parts)?;
    owner.begin(effects);

    let (closing, closed) = tokio::sync::watch::channel(false);
    let makings = Makings::new(owner_uid, std::env::var("PATH").unwrap_or_default())?;
    let serving = Serving {
        mailbox,
        configuration,
        version,
        makings,
        meter,
        listener,
        reloads,
        closed,
    };
    let ready_notifier = notifier.clone();
    let api = std::thread::Builder::new()
        .name("api".to_owned())
        .spawn(move || serve(serving, &ready_notifier))?;

    log::info!(
        "pmond {} is ready, pid {}, socket {}",
        VERSION,
        std::process::id(),
        settings.socket.display()
    );
    let writer = owner.run()?;
    let _ = notifier.send(&[State::Stopping]);
    closing.send_replace(true);
    if api.join().is_err() {
        log::error!("the thread of the API ended with a panic");
    }
    writer.finish();
    // Still under the lock: nobody else's socket can be there.
    let _ = fs::remove_file(&settings.socket);
    drop(lock);
    log::info!("pmond is closed");
    log::logger().flush();
    Ok(())
}

/// What the thread of the API needs.
struct Serving {
    mailbox: Mailbox,
    configuration: Configuration,
    version: VersionView,
    makings: Makings,
    meter: Meter,
    listener: UnixListener,
    reloads: tokio::sync::mpsc::UnboundedReceiver<()>,
    closed: tokio::sync::watch::Receiver<bool>,
}

fn serve(serving: Serving, notifier: &Notifier) {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return log::error!("the API cannot be served: {error}"),
    };
    let Serving {
        mailbox,
        configuration,
        version,
        makings,
        meter,
        listener,
        mut reloads,
        closed,
    } = serving;
    let api = Rc::new(Api::new(mailbox, configuration, version, makings, meter, closed));
    runtime.block_on(async {
        if let Err(error) = start_entries(&api).await {
            log::error!("the process configuration was not applied: {error}");
        }
        let listener = match listener
            .set_nonblocking(true)
            .and_then(|()| tokio::net::UnixListener::from_std(listener))
        {
            Ok(listener) => listener,
            Err(error) => return log::error!("the API cannot be served: {error}"),
        };
        if let Err(error) = notifier.send(&[State::Ready]) {
            log::warn!("whoever waits for readiness could not be told: {error}");
        }
        let reloading = async {
            while reloads.recv().await.is_some() {
                api.configuration.borrow_mut().reload(&api.mailbox);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = server::serve(api.clone(), listener) => {}
            () = reloading => {}
        }
    });
}

/// Starts those entries of the process configuration that are not known yet.
async fn start_entries(api: &Rc<Api>) -> Result<(), Error> {
    let request = {
        let configuration = api.configuration.borrow();
        let entries = configuration.entries()?;
        if entries.entries.is_empty() {
            return Ok(());
        }
        let owner = Caller {
            uid: api.makings.owner_uid(),
            gids: Vec::new(),
        };
        let specs = api
            .makings
            .specs_of_entries(&entries, &owner, &configuration.policy(), configuration.settings())
            .map_err(|error| error.body.message)?;
        (
            owner,
            Request::Init {
                entries: specs,
                scope: InitScope::NewEntries,
            },
        )
    };
    let closed = |_| "pmond is closing".to_owned();
    let accepted = api
        .mailbox
        .request(request.0, request.1)
        .map_err(closed)?
        .reply
        .await
        .map_err(|_| closed(mailbox::Gone))??;
    for warning in accepted.warnings {
        log::warn!("{warning}");
    }
    Ok(())
}

/// Whether stderr is the journal's (systemd.exec(5), JOURNAL_STREAM): it keeps the time of each line itself.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(metadata) = fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    stream == format!("{}:{}", metadata.dev(), metadata.ino())
}

fn socket_owner(settings: &Settings) -> SocketOwner {
    let uid = settings.mq_user.as_deref().and_then(|name| match user::by_name(name) {
        Ok(Some(account)) => Some(account.uid),
        _ => {
            log::warn!("mq_user: there is no user `{name}`");
            None
        }
    });
    let gid = settings
        .mq_group
        .as_deref()
        .and_then(|name| policy::group("mq_group", name));
    SocketOwner { uid, gid }
}

/// Names this daemon among all that were and are: 64 bits of FNV-1a over the real path of its data.
fn instance(data_dir: &Path) -> Result<String, Error> {
    use std::os::unix::ffi::OsStrExt;
    let real = data_dir.canonicalize()?;
    let hash = real
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Ok(format!("{hash:016x}"))
}

fn choice(tree: ProcessTree) -> Choice {
    match tree {
        ProcessTree::Auto => Choice::Auto,
        ProcessTree::Cgroup => Choice::Cgroup,
        ProcessTree::Session => Choice::Session,
    }
}

fn version(trees: &Trees) -> VersionView {
    VersionView {
        version: VERSION.to_owned(),
        commit: COMMIT.to_owned(),
        pid: std::process::id(),
        tree: trees.kind().to_owned(),
        tree_detail: trees.detail().to_owned(),
    }
}
