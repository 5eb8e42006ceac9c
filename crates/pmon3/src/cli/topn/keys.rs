//! Single keys from the terminal, as they are pressed.

use rustix::stdio::stdin;
use rustix::termios::{self, OptionalActions, SpecialCodeIndex, Termios};
use std::fs::File;
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Esc, q, ctrl-C.
    Leave,
    /// s.
    Sort,
    /// Any other.
    Other,
}

/// The keyboard, without echo and without waiting for whole lines until this is dropped.
pub(super) struct Keys {
    bytes: pipe::Receiver,
    before: Termios,
}

impl Keys {
    pub(super) fn open() -> io::Result<Keys> {
        let before = termios::tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // A read that has nothing to give returns. So the terminal serves as what tokio knows as a pipe, and need not be
        // made non-blocking, which would be so for the shell that shares it, too.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        let terminal = File::from(rustix::io::fcntl_dupfd_cloexec(stdin(), 0)?);
        let bytes = pipe::Receiver::from_file_unchecked(terminal)?;
        termios::tcsetattr(stdin(), OptionalActions::Flush, &raw)?;
        Ok(Keys { bytes, before })
    }

    /// The next key.
    pub(super) async fn next(&mut self) -> io::Result<Key> {
        let mut bytes = [0; 64];
        let count = self.bytes.read(&mut bytes).await?;
        Ok(key(bytes.get(..count).unwrap_or_default()))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs no settings.
        let _ = termios::tcsetattr(stdin(), OptionalActions::Flush, &self.before);
    }
}

/// Arrows and other keys come as several bytes that begin with that of Esc.
fn key(bytes: &[u8]) -> Key {
    match bytes {
        // Nothing, though there was something to read: the terminal is gone.
        [] | [0x1b | b'q' | b'Q' | 0x03] => Key::Leave,
        [b's' | b'S'] => Key::Sort,
        _ => Key::Other,
    }
}

/// Whether there is a keyboard at all.
pub(super) fn is_terminal() -> bool {
    termios::isatty(stdin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_alone_leaves_but_an_arrow_does_not() {
        assert_eq!(key(b"\x1b"), Key::Leave);
        assert_eq!(key(b"\x1b[A"), Key::Other);
        assert_eq!(key(b"q"), Key::Leave);
        assert_eq!(key(b"\x03"), Key::Leave);
        assert_eq!(key(b"s"), Key::Sort);
    }
}
