//! Transfers of files: which channels are one, and what they move.
//!
//! Only what is recognised exactly is a transfer: the `sftp` subsystem, and the server commands of `scp` and `rsync`
//! without anything a shell would make more of. All else is a command and is kept as such. Files, sizes and hashes are
//! read from the bytes as they pass; a stream that does not keep to its protocol is hashed as a whole and makes the
//! recording a partial one. This module never changes or holds back a byte.

use serde_json::Value;

mod scp;
mod sftp;

/// What understands the bytes of a transfer.
pub(crate) enum Transfer {
    /// `rsync --server`: only the bytes as a whole.
    Rsync,
    /// `scp -f` and `scp -t`.
    Scp(Box<scp::Scp>),
    /// The `sftp` subsystem.
    Sftp(Box<sftp::Sftp>),
}

/// How many files and changes the tables of a transfer leave out, because they are long enough: the notes tell of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) files: usize,
    pub(crate) changes: usize,
}

impl Transfer {
    /// The transfer that a subsystem is.
    pub(crate) fn of_subsystem(name: &str) -> Option<Self> {
        (name == "sftp").then(|| Self::Sftp(Box::default()))
    }

    /// The transfer that a command is.
    pub(crate) fn of_command(line: &[u8]) -> Option<Self> {
        let words = words(std::str::from_utf8(line).ok()?)?;
        let mut words = words.iter().map(String::as_str);
        match words.next()? {
            "scp" => scp::Scp::of_arguments(words).map(Box::new).map(Self::Scp),
            "rsync" => (words.next()? == "--server").then_some(Self::Rsync),
            _ => None,
        }
    }

    /// Whether the bytes as a whole have to be hashed, because their files are not.
    pub(crate) fn is_opaque(&self) -> bool {
        match self {
            Self::Rsync => true,
            Self::Scp(scp) => scp.is_lost(),
            Self::Sftp(sftp) => sftp.is_lost(),
        }
    }

    /// Whether more happened than is told of. Of `rsync` nothing but its bytes is ever claimed.
    pub(crate) fn is_partly(&self) -> bool {
        match self {
            Self::Rsync => false,
            Self::Scp(scp) => scp.is_lost(),
            Self::Sftp(sftp) => sftp.is_partly(),
        }
    }

    /// Takes what the employee sends; answers what is to be noted before it is delivered.
    pub(crate) fn up(&mut self, bytes: &[u8]) -> Vec<Value> {
        match self {
            Self::Rsync => Vec::new(),
            Self::Scp(scp) => scp.up(bytes),
            Self::Sftp(sftp) => sftp.up(bytes),
        }
    }

    /// Takes what the node sends; answers what is to be noted before it is delivered.
    pub(crate) fn down(&mut self, bytes: &[u8]) -> Vec<Value> {
        match self {
            Self::Rsync => Vec::new(),
            Self::Scp(scp) => scp.down(bytes),
            Self::Sftp(sftp) => sftp.down(bytes),
        }
    }

    /// The files moved, at the end.
    pub(crate) fn finish(&mut self) -> Vec<Value> {
        match self {
            Self::Rsync => Vec::new(),
            Self::Scp(scp) => scp.finish(),
            Self::Sftp(sftp) => sftp.finish(),
        }
    }

    /// How much the tables of files and changes leave out, at the end.
    pub(crate) const fn beyond(&self) -> Beyond {
        match self {
            Self::Rsync | Self::Scp(_) => Beyond { files: 0, changes: 0 },
            Self::Sftp(sftp) => sftp.beyond(),
        }
    }

    /// What was changed on the node beside the files moved, at the end.
    pub(crate) fn changes(&mut self) -> Vec<Value> {
        match self {
            Self::Rsync | Self::Scp(_) => Vec::new(),
            Self::Sftp(sftp) => sftp.changes(),
        }
    }
}

/// The words of a command line as a POSIX shell splits them; `None` if the shell would do anything else with it.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match characters.next()? {
                        '\'' => break,
                        quoted => word.push(quoted),
                    }
                }
            }
            '\\' => match characters.next()? {
                '\n' => return None,
                escaped => word.get_or_insert_default().push(escaped),
            },
            // `scp` and `rsync` write file patterns for the far shell; they change which files, not what runs.
            '*' | '?' | '[' | ']' | '~' => word.get_or_insert_default().push(character),
            plain if plain.is_alphanumeric() || "_-./,:@%+=^!{}".contains(plain) => {
                word.get_or_insert_default().push(plain);
            }
            _ => return None,
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_server_commands_are_transfers() {
        for line in [
            "scp -t /tmp/x",
            "scp -f -- 'a b'",
            "scp -r -p -d -t .",
            "scp -v -f a\\ b c",
            "rsync --server -vlogDtpre.iLsfxCIvu . /tmp/x",
            "rsync --server --sender -e.LsfxC . '/tmp/a b'",
        ] {
            assert!(Transfer::of_command(line.as_bytes()).is_some(), "{line}");
        }
        for line in [
            "scp -t /tmp/x; id",
            "scp -t $(id)",
            "scp -t `id`",
            "scp -t x\nid",
            "scp -t x|id",
            "scp -t x &",
            "scp -t x > y",
            "scp -t \"$x\"",
            "scp -S /bin/sh -t x",
            "scp a b",
            "scp -tf x",
            "scp",
            "/usr/bin/scp -t x",
            "rsync -a x y",
            "rsync",
            "FOO=1 scp -t x",
            "env scp -t x",
            "scp -t 'x",
        ] {
            assert!(Transfer::of_command(line.as_bytes()).is_none(), "{line}");
        }
        assert!(Transfer::of_subsystem("sftp").is_some());
        assert!(Transfer::of_subsystem("netconf").is_none());
    }
}
