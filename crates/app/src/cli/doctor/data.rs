//! What `byleave doctor` looks at in a data directory: who can read what, and whether the files are what they must be.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use super::Finding;
use crate::config::{Config, ServeArgs};
use crate::data;
use byleave_gateway::key::HostKey;

/// The secrets of a data directory, and the database with the files that SQLite keeps beside it.
#[rustfmt::skip]
const CLOSED: &[&str] = &[
    "admin.token", "byleave.db", "byleave.db-shm", "byleave.db-wal", "seal.key", "ssh_host_ed25519_key", "sync_ca.key",
];

/// Below this a recording soon cannot be written, and then nobody comes in.
const SPACE: u64 = 1 << 30;

/// Looks at a data directory.
pub(super) fn look(directory: &Path) -> Vec<Finding> {
    let Ok(about) = fs::metadata(directory) else {
        let text = format!("`{}` is not there or cannot be looked into", directory.display());
        return vec![Finding::wrong(
            "data directory",
            text,
            "name the directory that `byleave serve --data` was given",
        )];
    };
    let mut findings = vec![mode("data directory", directory, &about, 0o700)];
    findings.extend(CLOSED.iter().filter_map(|name| closed(directory, name, &about)));
    findings.push(database(directory));
    findings.push(seal_key(directory));
    findings.push(host_key(directory));
    findings.push(recordings(directory));
    findings.push(lock(directory));
    findings.push(configuration(directory));
    findings.push(space(directory));
    findings
}

fn mode(name: &'static str, path: &Path, about: &fs::Metadata, wanted: u32) -> Finding {
    let (path, mode) = (path.display(), about.permissions().mode() & 0o777);
    if mode & 0o077 == 0 {
        Finding::good(name, format!("`{path}` is closed to others"))
    } else {
        Finding::wrong(
            name,
            format!("`{path}` is open to others (mode {mode:o})"),
            format!("chmod {wanted:o} '{path}'"),
        )
    }
}

/// A file's mode and owner. Whether it must be there, others say.
fn closed(directory: &Path, name: &'static str, parent: &fs::Metadata) -> Option<Finding> {
    let path = directory.join(name);
    let about = fs::symlink_metadata(&path).ok()?;
    if about.is_symlink() {
        let advice = "put the file itself into the data directory";
        return Some(Finding::wrong(name, format!("`{}` is a link", path.display()), advice));
    }
    if about.uid() != parent.uid() {
        let text = format!("`{}` belongs to another user than the data directory", path.display());
        return Some(Finding::wrong(
            name,
            text,
            format!("chown --reference='{}' '{}'", directory.display(), path.display()),
        ));
    }
    Some(mode(name, &path, &about, 0o600))
}

fn database(directory: &Path) -> Finding {
    let path = directory.join("byleave.db");
    let mut header = [0; 16];
    let read = File::open(&path).and_then(|mut file| std::io::Read::read_exact(&mut file, &mut header));
    match read {
        Ok(()) if &header == b"SQLite format 3\0" => {
            Finding::good("database", format!("`{}` is there", path.display()))
        }
        Ok(()) => Finding::wrong(
            "database",
            "`byleave.db` is no SQLite database",
            "restore it from a backup, with its `-wal` file",
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => match data::traces(directory) {
            traces if traces.is_empty() || data::is_installing(directory) => {
                Finding::warning("database", "there is none yet", "`byleave serve` makes it at its first start")
            }
            traces => Finding::wrong("database", "`byleave.db` is gone", data::lost(directory, &traces)),
        },
        Err(error) => {
            Finding::wrong("database", format!("`byleave.db`: {error}"), "run this as the user of the server")
        }
    }
}

fn seal_key(directory: &Path) -> Finding {
    let database = directory.join("byleave.db").exists();
    match fs::read_to_string(directory.join("seal.key")) {
        Ok(text) if text.trim().len() == 64 && text.trim().bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Finding::good("sealing key", "is well formed; keep a copy apart from the backups of the database")
        }
        Ok(_) => Finding::wrong(
            "sealing key",
            "`seal.key` is damaged",
            "restore it: what was sealed cannot be read without it",
        ),
        Err(_) if database => Finding::wrong(
            "sealing key",
            "`seal.key` is missing beside a database",
            "restore it: what was sealed cannot be read without it",
        ),
        Err(_) => Finding::good("sealing key", "is made at the first start"),
    }
}

fn host_key(directory: &Path) -> Finding {
    let name = "host key";
    let text = match fs::read_to_string(directory.join("ssh_host_ed25519_key")) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let advice =
                "the next start makes one; if there was one before, restore it: engineers' ssh refuses another";
            return Finding::warning(name, "the gateway has none", advice);
        }
        Err(error) => return Finding::wrong(name, error.to_string(), "run this as the user of the server"),
    };
    let public = HostKey::parse(text.trim()).and_then(|key| key.public());
    let Ok(public) = public.map(|key| key.to_string()) else {
        let advice = "restore `ssh_host_ed25519_key`, or move it away: engineers have to trust the new one then";
        return Finding::wrong(name, "`ssh_host_ed25519_key` is no ed25519 key without a passphrase", advice);
    };
    let shown = fs::read_to_string(directory.join("ssh_host_ed25519_key.pub")).unwrap_or_default();
    match shown.trim() == public {
        true => Finding::good(name, public),
        false => Finding::warning(
            name,
            "`ssh_host_ed25519_key.pub` is not its public part",
            "engineers who are given that file cannot come in; the next start writes it anew",
        ),
    }
}

fn recordings(directory: &Path) -> Finding {
    match fs::metadata(directory.join("recordings")) {
        Ok(about) if !about.is_dir() => {
            let advice = "move it away: what cannot be recorded is not let in";
            Finding::wrong("recordings", "`recordings` is no directory", advice)
        }
        Ok(about) => mode("recordings", &directory.join("recordings"), &about, 0o700),
        Err(error) if error.kind() == ErrorKind::NotFound => Finding::good("recordings", "there are none yet"),
        Err(error) => Finding::wrong("recordings", error.to_string(), "run this as the user of the server"),
    }
}

/// Whether a server runs on this directory.
fn lock(directory: &Path) -> Finding {
    let Ok(file) = File::open(directory.join("lock")) else {
        return Finding::warning(
            "server",
            "none has run on this data directory",
            "start one: byleave serve --data DIR",
        );
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Finding::warning("server", "none runs on this data directory", "start it: byleave serve --data DIR"),
        Err(_) => Finding::good("server", "one runs on this data directory"),
    }
}

fn configuration(directory: &Path) -> Finding {
    match Config::load(ServeArgs::default(), Some(directory.to_owned())) {
        Ok(_) => Finding::good("byleave.toml", "is valid, or not there"),
        Err(error) => Finding::wrong("byleave.toml", format!("{error:#}"), "the server does not start with it"),
    }
}

fn space(directory: &Path) -> Finding {
    match nix::sys::statvfs::statvfs(directory) {
        Ok(about) => {
            let free = about.blocks_available().saturating_mul(about.fragment_size());
            let text = format!("{} MiB are free", free >> 20);
            if free >= SPACE {
                Finding::good("disk", text)
            } else {
                Finding::wrong("disk", text, "make room: what cannot be recorded is not let in, and live sessions end")
            }
        }
        Err(error) => Finding::warning("disk", format!("cannot tell what is free: {error}"), "look at it by hand"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Verdict;

    fn wrong(directory: &Path) -> Vec<&'static str> {
        look(directory)
            .into_iter()
            .filter(|finding| finding.verdict == Verdict::Wrong)
            .map(|finding| finding.name)
            .collect()
    }

    fn close(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn each_thing_wrong_is_found() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path();
        close(data, 0o700);
        assert_eq!(wrong(data), [""; 0], "an empty directory is no fault");
        fs::write(data.join("byleave.db"), "SQLite format 3\0 …").unwrap();
        close(&data.join("byleave.db"), 0o600);
        assert_eq!(wrong(data), ["sealing key"], "a database without its key");
        fs::write(data.join("seal.key"), "ab".repeat(32)).unwrap();
        assert_eq!(wrong(data), ["seal.key"], "a key that others can read");
        close(&data.join("seal.key"), 0o600);
        fs::write(data.join("sync_ca.key"), "a key").unwrap();
        assert_eq!(wrong(data), ["sync_ca.key"]);
        close(&data.join("sync_ca.key"), 0o600);
        assert_eq!(wrong(data), [""; 0]);
        fs::write(data.join("seal.key"), "short").unwrap();
        assert_eq!(wrong(data), ["sealing key"]);
        fs::write(data.join("seal.key"), "ab".repeat(32)).unwrap();
        fs::write(data.join("byleave.db"), "something else altogether").unwrap();
        assert_eq!(wrong(data), ["database"]);
        fs::remove_file(data.join("byleave.db")).unwrap();
        assert_eq!(wrong(data), ["database"], "it is gone");
        fs::remove_file(data.join("seal.key")).unwrap();
        assert_eq!(wrong(data), [""; 0], "nothing was ever there");
        fs::write(data.join("byleave.toml"), "colour = 'red'").unwrap();
        assert_eq!(wrong(data), ["byleave.toml"]);
        fs::remove_file(data.join("byleave.toml")).unwrap();
        close(data, 0o755);
        assert_eq!(wrong(data), ["data directory"]);
        assert_eq!(wrong(&data.join("nowhere")), ["data directory"]);
    }
}
