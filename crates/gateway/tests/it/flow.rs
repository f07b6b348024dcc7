//! Clients work as if directly connected: copies, pipes, several channels, signals, sizes, streams.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use byleave_core::grant::GrantType;
use nix::sys::signal::{Signal, kill};

use crate::world::{Random, Running, World, answer, feed, text};
use byleave_core::time::Entropy;

fn open_world() -> World {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    world
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Random.fill(&mut bytes);
    bytes
}

#[test]
fn large_input_and_output_pass_whole_at_the_same_time() {
    let world = open_world();
    let bytes = noise(64 * 1024 * 1024);
    let output = world.run(&[], &["cat"], &bytes);
    assert!(output.stdout == bytes, "{} of {} bytes; {}", output.stdout.len(), bytes.len(), text(&output.stderr));
    let closed = world.memory.closed();
    assert_eq!((closed.counters.received_bytes, closed.counters.sent_bytes), (64 << 20, 64 << 20));
    assert!(closed.partly_recorded);
}

/// In bulk the gateway reads heaps: what is left over and no heap must not stay behind while everybody waits.
#[test]
fn the_last_bytes_of_bulk_pass_though_nothing_follows_them() {
    let world = open_world();
    let remote = "head -c 30000000 | tail -c 8; head -c 30000001 /dev/zero; exec cat";
    let mut client = Running(world.ssh(&[], &[remote]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let (mut input, mut output) = (client.0.stdin.take().unwrap(), client.0.stdout.take().unwrap());
    let mut bytes = noise(30_000_000);
    input.write_all(&bytes).unwrap();
    let mut last = [0; 8];
    output.read_exact(&mut last).unwrap();
    assert_eq!(last[..], bytes[bytes.len() - 8..], "all of the input arrived, and the client said nothing more");
    bytes.resize(30_000_001, 0);
    output.read_exact(&mut bytes).unwrap();
    input.write_all(b"echo").unwrap();
    output.read_exact(&mut last[..4]).unwrap();
    assert_eq!(&last[..4], b"echo", "and it is a conversation again");
}

#[test]
fn the_end_of_input_passes_while_output_goes_on() {
    let world = open_world();
    let output = world.run(&[], &["sort; echo done >&2; exit 4"], b"b\na\n");
    assert_eq!((text(&output.stdout), output.status.code()), ("a\nb\n".to_owned(), Some(4)));
    assert_eq!(text(&output.stderr), "done\n");
}

#[test]
fn a_slow_reader_holds_up_neither_the_node_nor_other_channels() {
    let world = open_world();
    let master = Master::start(&world);
    let mut flood = Running(master.client(&["cat /dev/zero"]).stdout(Stdio::piped()).spawn().unwrap());
    // The flood is not read: windows and buffers fill.
    let mut first = [0; 1];
    flood.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    let mut errors = Running(master.client(&["cat /dev/zero >&2"]).spawn().unwrap());
    errors.0.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    for _ in 0..3 {
        let output = feed(master.client(&["cat"]), b"still here");
        assert_eq!(text(&output.stdout), "still here", "{}", text(&output.stderr));
    }
    // The same for input that the node does not take.
    let mut stuck = Running(master.client(&["sleep 1000"]).stdin(Stdio::piped()).spawn().unwrap());
    let mut stdin = stuck.0.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let chunk = vec![0; 1 << 20];
        (0..16).try_for_each(|_| stdin.write_all(&chunk)).is_ok()
    });
    for _ in 0..3 {
        let output = feed(master.client(&["cat"]), b"still here");
        assert_eq!(text(&output.stdout), "still here", "{}", text(&output.stderr));
    }
    drop(stuck);
    drop((flood, errors));
    let _ = writer.join();
}

struct Master<'a> {
    world: &'a World,
    _master: Running,
}

impl<'a> Master<'a> {
    fn start(world: &'a World) -> Self {
        let path = format!("ControlPath={}", world.path("master").display());
        let mut child = world.ssh(&["-M", "-o", &path], &["echo up; cat"]).stdin(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        Self { world, _master: Running(child) }
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let path = format!("ControlPath={}", self.world.path("master").display());
        self.world.ssh(&["-o", &path, "-o", "ControlMaster=no", "-o", "ProxyCommand=false"], arguments)
    }
}

#[test]
fn a_program_that_ends_its_output_first_waits_for_no_longer_than_a_moment() {
    let world = open_world();
    // The client ends its input only when it has seen the end of the output.
    let output = feed(world.ssh(&[], &["exec >&- 2>&-; exit 6"]), b"");
    assert_eq!(output.status.code(), Some(6));
    let mut child = world.ssh(&[], &["exec >&- 2>&-; cat"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut nothing = Vec::new();
    child.stdout.as_mut().unwrap().read_to_end(&mut nothing).unwrap();
    Running(child).wait();
}

#[test]
fn several_channels_share_a_connection_and_are_one_session() {
    let world = open_world();
    let master = Master::start(&world);
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let master = &master;
        let run = |number: usize| {
            scope.spawn(move || feed(master.client(&[&format!("cat; exit {number}")]), number.to_string().as_bytes()))
        };
        (0..8).map(run).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (number, output) in outputs.iter().enumerate() {
        assert_eq!(text(&output.stdout), number.to_string());
        assert_eq!(output.status.code(), Some(i32::try_from(number).unwrap()));
    }
    drop(master);
    assert_eq!(world.memory.closed().counters.commands, 9);
    assert_eq!(world.memory.closed_count(1).len(), 1);
}

#[test]
fn a_signal_that_kills_the_command_comes_back_and_an_interrupt_on_a_terminal_arrives() {
    let world = open_world();
    let output = world.run(&[], &["kill -TERM $$"], b"");
    assert_eq!(output.status.code(), Some(255), "{}", text(&output.stderr));
    // With a terminal the key for an interrupt is a byte that the node turns into a signal.
    let script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done";
    let output = answer(world.ssh(&["-tt"], &[script]), "ready", b"\x03");
    assert!(text(&output.stdout).contains("caught"), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(9));
}

#[test]
fn the_size_of_the_window_and_its_changes_pass() {
    let world = open_world();
    let mut script = Command::new("script");
    let ssh: Vec<String> = std::iter::once("ssh".to_owned())
        .chain(world.options())
        .chain([
            "-p".to_owned(),
            world.port().to_string(),
            "-tt".to_owned(),
            "node-1.shop.example@127.0.0.1".to_owned(),
        ])
        .collect();
    let inner = "stty size; trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done";
    let line = format!("stty rows 33 cols 111; exec {} {}", ssh.join(" "), shell_quote(inner));
    script.args(["-qfec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = script.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let running = Running(child);
    let mut seen = String::new();
    while !seen.contains("ready") {
        assert_ne!(out.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
    assert!(seen.contains("33 111"), "{seen}");
    // The terminal of `script` is that of `ssh`; a new size is set from outside and announced by the kernel.
    let pid = child_of(running.pid().as_raw());
    let tty = std::fs::read_link(format!("/proc/{pid}/fd/0")).unwrap();
    // Each is a change of its own, as it is when `stty` is told both: what is in between may be told, the last must be.
    for change in [["rows", "44"], ["cols", "122"]] {
        assert!(Command::new("stty").arg("-F").arg(&tty).args(change).status().unwrap().success());
    }
    while !seen.contains("44 122") {
        assert_ne!(out.read_line(&mut seen).unwrap(), 0, "{seen}");
    }
}

fn child_of(pid: i32) -> i32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}

fn shell_quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn copies(world: &World, program: &str, options: &[&str]) {
    let bytes = noise(3_000_001);
    let (from, to) = (world.path("from file"), world.path("to-file"));
    std::fs::write(&from, &bytes).unwrap();
    let copy = |source: &str, target: &str| {
        let mut command = Command::new(program);
        command.args(options).args(world.options());
        command.arg("-P").arg(world.port().to_string()).arg(source).arg(target);
        let output = feed(command, b"");
        assert!(output.status.success(), "{program} {options:?}: {}", text(&output.stderr));
    };
    let far = |path: &Path| format!("node-1.shop.example@127.0.0.1:{}", path.display());
    copy(&from.display().to_string(), &far(&to));
    assert!(std::fs::read(&to).unwrap() == bytes);
    let back = world.path("back");
    copy(&far(&to), &back.display().to_string());
    assert!(std::fs::read(&back).unwrap() == bytes);
    assert_eq!(world.memory.closed_count(2).iter().map(|closed| closed.counters.transfers).sum::<i64>(), 2);
}

#[test]
fn scp_copies_both_ways_with_the_new_protocol() {
    copies(&open_world(), "scp", &[]);
}

#[test]
fn scp_copies_both_ways_with_the_old_protocol() {
    copies(&open_world(), "scp", &["-O"]);
}

#[test]
fn sftp_lists_puts_and_gets() {
    let world = open_world();
    std::fs::write(world.path("here"), b"hello").unwrap();
    let (here, there, back) = (world.path("here"), world.path("there"), world.path("back"));
    let batch = format!(
        "put {} {}\nls -l {}\nget {} {}\n",
        here.display(),
        there.display(),
        there.display(),
        there.display(),
        back.display()
    );
    let mut command = Command::new("sftp");
    command.args(["-b", "-"]).args(world.options()).arg("-P").arg(world.port().to_string());
    command.arg("node-1.shop.example@127.0.0.1");
    let output = feed(command, batch.as_bytes());
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(back).unwrap(), b"hello");
    assert_eq!(world.memory.closed().counters.transfers, 1);
}

#[test]
fn rsync_copies_both_ways() {
    let world = open_world();
    std::fs::create_dir(world.path("from")).unwrap();
    std::fs::write(world.path("from/a"), noise(500_000)).unwrap();
    std::fs::write(world.path("from/b"), b"b").unwrap();
    let shell = format!("ssh {} -p {}", world.options().join(" "), world.port());
    let sync = |source: String, target: String| {
        let mut command = Command::new("rsync");
        command.args(["-a", "-e", &shell, &source, &target]);
        let output = feed(command, b"");
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let far = |name: &str| format!("node-1.shop.example@127.0.0.1:{}", world.path(name).display());
    sync(format!("{}/", world.path("from").display()), far("to"));
    sync(far("to/"), world.path("back").display().to_string());
    assert!(std::fs::read(world.path("back/a")).unwrap() == std::fs::read(world.path("from/a")).unwrap());
    assert_eq!(world.memory.closed_count(2).iter().map(|closed| closed.counters.transfers).sum::<i64>(), 2);
}

#[test]
fn only_the_terminal_and_a_locale_without_a_land_pass_to_the_node() {
    let world = open_world();
    let mut command = world.ssh(&["-o", "SendEnv=LANG LC_* SECRET"], &["env"]);
    command.env("LANG", "de_CH.UTF-8").env("LC_TIME", "fr_CH.UTF-8").env("SECRET", "1");
    let output = feed(command, b"");
    let shown = text(&output.stdout);
    assert!(shown.contains("LANG=C.UTF-8"), "{shown}");
    assert!(!shown.contains("_CH") && !shown.contains("SECRET"), "{shown}");
}

#[test]
fn a_command_dies_with_the_connection_of_its_client() {
    let world = open_world();
    let mark = world.path("mark");
    let command = format!("echo $$ > {0}; echo ready; exec cat", mark.display());
    let mut child = world.ssh(&[], &[&command]).stdin(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let pid: i32 = std::fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
    let ssh = Running(child);
    kill(ssh.pid(), Signal::SIGKILL).unwrap();
    crate::world::until("the end of the command", || !Path::new(&format!("/proc/{pid}")).exists());
}
