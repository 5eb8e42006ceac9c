//! Reading a log: all of it or a part, with or without its archives.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::archive::{self, Compression};
use super::{LogError, open_regular, with_rights};
use crate::user::Credentials;

/// How much is read at once.
pub(super) const BLOCK: usize = 64 * 1024;

/// Which lines of a log. A last line without a newline counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// All of them.
    All,
    /// The last so many.
    Last(u64),
    /// From this one on, counted from 1.
    From(u64),
}

/// The chosen lines of a log as it was when [`read`] was called: it has an end, even if the program writes on.
#[derive(Debug)]
pub struct Reader {
    /// Oldest first.
    sources: VecDeque<Source>,
    /// So many newlines are still to be read past.
    skip: u64,
    unreadable: Vec<LogError>,
}

/// Opens the log at `path` with the rights of `owner`, after its archives (oldest first) if they are wanted, too.
///
/// [`Lines::Last`] reads backwards and only as much as it must, except for compressed archives that it reaches. Reading those
/// takes as long as they are large: not for an event loop.
///
/// # Errors
/// A log that is missing is one, unless there are archives to be read.
pub fn read(path: &Path, owner: &Credentials, lines: Lines, with_archives: bool) -> Result<Reader, LogError> {
    let (mut sources, unreadable) = with_rights(owner, path, || open_all(path, with_archives))?;
    let skip = match lines {
        Lines::All => 0,
        Lines::From(first) => first.saturating_sub(1),
        Lines::Last(count) => keep_last(&mut sources, count).map_err(|error| LogError::io("read", path, error))?,
    };
    Ok(Reader {
        sources,
        skip,
        unreadable,
    })
}

impl Reader {
    /// Archives that were left out, and why.
    pub fn unreadable(&self) -> &[LogError] {
        &self.unreadable
    }
}

impl Read for Reader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        while let Some(source) = self.sources.front_mut() {
            let n = source.read(buf)?;
            if n == 0 {
                self.sources.pop_front();
                continue;
            }
            let start = skip_newlines(&buf[..n], &mut self.skip);
            if start < n {
                buf.copy_within(start..n, 0);
                return Ok(n - start);
            }
        }
        Ok(0)
    }
}

/// The log and its archives, oldest first, and what could not be opened.
fn open_all(path: &Path, with_archives: bool) -> Result<(VecDeque<Source>, Vec<LogError>), LogError> {
    // The log first: if it becomes an archive meanwhile, it is found twice (and told by its inode) rather than never.
    let live = open_regular(path).and_then(|file| Source::plain(path, file));
    let mut sources = VecDeque::new();
    let mut unreadable = Vec::new();
    if with_archives {
        let mut seen: BTreeSet<_> = live.iter().map(Source::inode).collect();
        for archive in archive::list(path)? {
            match open_archive(&archive.path, archive.compression) {
                Ok(source) if seen.insert(source.inode()) => sources.push_back(source),
                // The log itself, renamed; or removed since we have listed it.
                Ok(_) => {}
                Err(error) if error.is_missing() => {}
                Err(error) => unreadable.push(error),
            }
        }
    }
    match live {
        Ok(live) => sources.push_back(live),
        Err(error) if error.is_missing() && !sources.is_empty() => {}
        Err(error) => return Err(error),
    }
    Ok((sources, unreadable))
}

fn open_archive(path: &Path, compression: Compression) -> Result<Source, LogError> {
    match compression {
        Compression::None => Source::plain(path, open_regular(path)?),
        Compression::Gzip => Source::gzip(path, open_regular(path)?),
        Compression::Other => {
            let source = io::Error::new(io::ErrorKind::Unsupported, "only gzip is understood");
            Err(LogError::io("decompress", path, source))
        }
    }
}

/// One file of a log.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    inode: (u64, u64),
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// What lies between these two offsets.
    Plain {
        file: File,
        position: u64,
        end: u64,
    },
    Gzip(Box<MultiGzDecoder<File>>),
}

impl Source {
    fn plain(path: &Path, file: File) -> Result<Source, LogError> {
        let metadata = file.metadata().map_err(|error| LogError::io("look at", path, error))?;
        let content = Content::Plain {
            file,
            position: 0,
            end: metadata.len(),
        };
        Ok(Source {
            path: path.to_owned(),
            inode: (metadata.dev(), metadata.ino()),
            content,
        })
    }

    fn gzip(path: &Path, file: File) -> Result<Source, LogError> {
        let metadata = file.metadata().map_err(|error| LogError::io("look at", path, error))?;
        let content = Content::Gzip(Box::new(MultiGzDecoder::new(file)));
        Ok(Source {
            path: path.to_owned(),
            inode: (metadata.dev(), metadata.ino()),
            content,
        })
    }

    fn inode(&self) -> (u64, u64) {
        self.inode
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.content {
            Content::Plain { file, position, end } => {
                let room = usize::try_from(*end - *position).unwrap_or(usize::MAX).min(buf.len());
                let n = file.read_at(&mut buf[..room], *position)?;
                *position += n as u64;
                Ok(n)
            }
            Content::Gzip(decoder) => decoder.read(buf).map_err(|error| {
                let text = format!("{} cannot be decompressed: {error}", self.path.display());
                io::Error::new(error.kind(), text)
            }),
        }
    }

    /// Counts all newlines, and says what the last byte is (`None`: there is nothing). Goes back to the start.
    fn count_newlines(&mut self) -> io::Result<(u64, Option<u8>)> {
        let mut block = vec![0; BLOCK];
        let (mut count, mut last) = (0, None);
        loop {
            let n = self.read(&mut block)?;
            if n == 0 {
                break;
            }
            count += newlines(&block[..n]);
            last = block[..n].last().copied();
        }
        match &mut self.content {
            Content::Plain { position, .. } => *position = 0,
            Content::Gzip(decoder) => {
                let mut file = decoder.get_ref().try_clone()?;
                file.rewind()?;
                **decoder = MultiGzDecoder::new(file);
            }
        }
        Ok((count, last))
    }
}

/// Keeps what the last `count` lines are in, and returns how many newlines of it are to be skipped.
fn keep_last(sources: &mut VecDeque<Source>, count: u64) -> io::Result<u64> {
    if count == 0 {
        sources.clear();
        return Ok(0);
    }
    // The lines begin after this many newlines, counted from the end; unknown until the last byte of all has been seen.
    let mut wanted = None;
    for index in (0..sources.len()).rev() {
        let source = &mut sources[index];
        if let Content::Plain { file, position, end } = &mut source.content {
            let Some(last) = last_byte(file, *end)? else { continue };
            let before = wanted.unwrap_or_else(|| newlines_before(count, last));
            match after_newline_from_end(file, *end, before)? {
                Ok(start) => {
                    *position = start;
                    sources.drain(..index);
                    return Ok(0);
                }
                Err(found) => wanted = Some(before - found),
            }
        } else {
            let (found, last) = source.count_newlines()?;
            let Some(last) = last else { continue };
            let before = wanted.unwrap_or_else(|| newlines_before(count, last));
            if found >= before {
                sources.drain(..index);
                return Ok(found - before + 1);
            }
            wanted = Some(before - found);
        }
    }
    Ok(0)
}

/// The offset at which these lines of a file of `end` bytes begin.
pub(super) fn start_of(file: &File, end: u64, lines: Lines) -> io::Result<u64> {
    match lines {
        Lines::All => Ok(0),
        Lines::Last(0) => Ok(end),
        Lines::Last(count) => {
            let Some(last) = last_byte(file, end)? else {
                return Ok(end);
            };
            Ok(after_newline_from_end(file, end, newlines_before(count, last))?.unwrap_or(0))
        }
        Lines::From(first) => {
            let (mut skip, mut position) = (first.saturating_sub(1), 0);
            let mut block = vec![0; BLOCK];
            while skip > 0 {
                let n = file.read_at(&mut block, position)?;
                if n == 0 {
                    break;
                }
                position += skip_newlines(&block[..n], &mut skip) as u64;
            }
            Ok(position.min(end))
        }
    }
}

/// After how many newlines from the end the last `count` lines begin: the one that ends the very last line does not count.
fn newlines_before(count: u64, last: u8) -> u64 {
    count.saturating_add(u64::from(last == b'\n'))
}

fn last_byte(file: &File, end: u64) -> io::Result<Option<u8>> {
    let Some(position) = end.checked_sub(1) else {
        return Ok(None);
    };
    let mut byte = [0];
    Ok((file.read_at(&mut byte, position)? == 1).then_some(byte[0]))
}

/// The offset just after the `wanted`th newline, counted from the end; or how many there are if that is too few.
fn after_newline_from_end(file: &File, end: u64, wanted: u64) -> io::Result<Result<u64, u64>> {
    let mut block = vec![0; BLOCK];
    let mut position = end;
    let mut found = 0;
    while position > 0 {
        let length = position.min(BLOCK as u64);
        position -= length;
        let block = &mut block[..length as usize];
        match file.read_exact_at(block, position) {
            Ok(()) => {}
            // Truncated meanwhile: nothing of what we look for is left.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Err(found)),
            Err(error) => return Err(error),
        }
        let here = newlines(block);
        if found + here >= wanted {
            let nth = block
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, b)| **b == b'\n')
                .nth((wanted - found - 1) as usize);
            return Ok(Ok(position + nth.map_or(0, |(index, _)| index as u64 + 1)));
        }
        found += here;
    }
    Ok(Err(found))
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// The index after the `skip`th newline, or the length if there are fewer. Takes those that it passed off `skip`.
fn skip_newlines(bytes: &[u8], skip: &mut u64) -> usize {
    if *skip == 0 {
        return 0;
    }
    for (index, _) in bytes.iter().enumerate().filter(|(_, b)| **b == b'\n') {
        *skip -= 1;
        if *skip == 0 {
            return index + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
