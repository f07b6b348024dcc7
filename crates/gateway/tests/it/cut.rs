//! What must end, ends now: by facts, time, lease and order, with clients that help and clients that do not.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use byleave_core::grant::GrantType;
use byleave_core::session::SessionEnd;
use byleave_core::time::{HOUR, MINUTE, SECOND};
use byleave_gateway::control::{Lease, Order, Report, Which};
use byleave_gateway::live::Scope;
use nix::sys::signal::{Signal, kill};

use crate::memory::{CLUSTER, EMPLOYEE, KEY, ORGANIZATION, PATIENCE};
use crate::world::{Running, World, text, until};

fn open_world() -> World {
    let world = World::new();
    world.memory.grant(GrantType::Infrastructure);
    world
}

/// A client that has shown its first line.
fn ready(mut command: Command) -> Running {
    let mut child: Child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut byte = [0];
    let stdout = child.stdout.as_mut().unwrap();
    while byte != *b"\n" {
        stdout.read_exact(&mut byte).unwrap();
    }
    Running(child)
}

const WAITING: &[&str] = &["echo ready; exec sleep 1000"];

/// The TCP connections of the gateway: to employees on its port, to nodes on theirs.
pub(crate) fn connections(world: &World) -> usize {
    let output = Command::new("ss").args(["-Htn"]).output().unwrap();
    let ours = [format!(":{} ", world.port()), format!(":{} ", world.node_address.port())];
    text(&output.stdout).lines().filter(|line| ours.iter().any(|port| line.contains(port.as_str()))).count()
}

#[test]
fn a_stopped_client_in_bulk_is_cut_all_the_same_and_gets_no_byte_after() {
    let world = open_world();
    let mut bulk = ready(world.ssh(&[], &["echo ready; exec cat /dev/zero"]));
    let mut some = vec![0; 4 << 20];
    bulk.0.stdout.as_mut().unwrap().read_exact(&mut some).unwrap();
    kill(bulk.pid(), Signal::SIGSTOP).unwrap();
    // The window fills: what the node sends stands still.
    let (mut before, mut looks) = (0, 0);
    until("the bulk to stand still", || {
        let now = queued(&world);
        looks = if now > 0 && now == before { looks + 1 } else { 0 };
        before = now;
        looks == 5
    });
    world.memory.revoke();
    until("both sockets' end", || connections(&world) == 0);
    assert_eq!(world.memory.closed().reason, SessionEnd::Revoked);
    kill(bulk.pid(), Signal::SIGCONT).unwrap();
    let output = bulk.wait();
    assert_eq!(output.status.code(), Some(255));
    assert_eq!(world.gateway.handle().cut_delays().len(), 1, "the cut was timed, for those who measure");
}

/// Bytes that the kernel holds on the way between the gateway and its employees.
fn queued(world: &World) -> u64 {
    let port = format!(":{}", world.port());
    let output = Command::new("ss").args(["-Htn", &format!("sport = {port} or dport = {port}")]).output().unwrap();
    let queues =
        |line: &str| line.split_whitespace().skip(1).take(2).filter_map(|n| n.parse::<u64>().ok()).sum::<u64>();
    text(&output.stdout).lines().map(queues).sum()
}

#[test]
fn an_employee_who_waits_is_told_why() {
    let world = open_world();
    for options in [&[][..], &["-tt"], &[], &["-tt"]] {
        world.memory.grant(GrantType::Infrastructure);
        let client = ready(world.ssh(options, WAITING));
        idle(&world);
        world.memory.revoke();
        let shown = text(&client.wait().stderr);
        assert!(shown.contains("byleave: session ended: the customer revoked the grant"), "{options:?}: {shown}");
        until("the end", || world.gateway.handle().live().is_empty());
    }
}

/// Two terminals on one connection are two who wait.
#[test]
fn every_channel_of_a_connection_is_told_why() {
    let world = open_world();
    let path = format!("ControlPath={}", world.path("master").display());
    let first = ready(world.ssh(&["-M", "-o", &path], WAITING));
    let second = ready(world.ssh(&["-o", &path, "-o", "ControlMaster=no"], WAITING));
    idle(&world);
    world.memory.revoke();
    for client in [first, second] {
        let shown = text(&client.wait().stderr);
        assert!(shown.contains("byleave: session ended: the customer revoked the grant"), "{shown}");
    }
}

/// A last word on the alternate screen would go with it.
#[test]
fn a_full_screen_program_is_left_before_the_last_word() {
    let world = open_world();
    let told = "\r\nbyleave: session ended: the customer ended the session\r\n";
    for (shows, leave) in [
        (r"printf '\033[?1049h\033[2J'", "\x1b[?1049l\x1b[0m\x1b[?25h"),
        (r"printf '\033[?1049h'; printf '\033[?1049l'", ""),
        ("true", ""),
    ] {
        let command = format!("{shows}; echo ready; exec sleep 1000");
        let client = ready(world.ssh(&["-tt"], &[&command]));
        idle(&world);
        let this = Which::Session(world.gateway.handle().live()[0].id);
        assert_eq!(world.gateway.handle().end(this, SessionEnd::EndedByCustomer), 1);
        let shown = text(&client.wait().stderr);
        // After what a terminal shows first.
        let last = shown.split_once(" left\r\n").map(|(_, last)| last).unwrap_or(&shown);
        let client_says = last.strip_prefix(&format!("{leave}{told}"));
        assert!(client_says.is_some_and(|says| !says.contains("byleave")), "{shows}: {shown:?}");
        until("the end", || world.gateway.handle().live().is_empty());
    }
}

/// Waits until what was shown has left the gateway: while another session comes and goes.
fn idle(world: &World) {
    world.run(&[], &["true"], b"");
    until("the other's end", || world.gateway.handle().live().len() == 1);
}

#[test]
fn an_employee_whose_session_key_or_account_somebody_ends_is_told_why() {
    let world = open_world();
    let by_handle = |which: Which, reason: SessionEnd| {
        assert_eq!(world.gateway.handle().end(which, reason), 1);
    };
    let by_order = |which: Which, reason: SessionEnd| {
        world.memory.orders.send(Order::End { which, reason }).unwrap();
    };
    let ends: [&dyn Fn(Which, SessionEnd); 2] = [&by_handle, &by_order];
    let this = |world: &World| Which::Session(world.gateway.handle().live()[0].id);
    let whichs: [&dyn Fn(&World) -> Which; 3] = [&this, &|_| Which::Key(KEY), &|_| Which::Employee(EMPLOYEE)];
    for (end, reason, which, options, told) in [
        (ends[0], SessionEnd::EndedByCustomer, whichs[0], &[][..], "the customer ended the session"),
        (ends[0], SessionEnd::EndedByAdministrator, whichs[0], &["-tt"], "an administrator ended the session"),
        (ends[0], SessionEnd::KeyRemoved, whichs[1], &[], "your key was removed"),
        (ends[1], SessionEnd::EmployeeDisabled, whichs[2], &[], "your account was disabled"),
    ] {
        for _ in 0..3 {
            let client = ready(world.ssh(options, WAITING));
            idle(&world);
            end(which(&world), reason);
            let output = client.wait();
            assert_eq!(output.status.code(), Some(255));
            until("the end", || world.gateway.handle().live().is_empty());
            let shown = text(&output.stderr);
            let told = format!("byleave: session ended: {told}\r\n");
            assert!(shown.contains(&told), "{reason:?} {options:?}: {shown}");
        }
    }
}

#[test]
fn twenty_sessions_end_at_once() {
    let world = open_world();
    let clients: Vec<_> = (0..20).map(|_| ready(world.ssh(&[], WAITING))).collect();
    assert_eq!(world.gateway.handle().live().len(), 20);
    world.memory.revoke();
    for client in clients {
        assert_eq!(client.wait().status.code(), Some(255));
    }
    assert!(world.memory.closed_count(20).iter().all(|closed| closed.reason == SessionEnd::Revoked));
    until("every socket's end", || connections(&world) == 0);
    assert_eq!(world.gateway.handle().cut_delays().len(), 20, "each cut was timed, for those who measure");
}

/// Whatever holds up the thread that relays, a cut runs on another.
#[test]
fn a_thread_that_is_stuck_in_the_midst_of_relaying_delays_no_cut() {
    let world = World::with(|config| config.threads = 1);
    world.memory.grant(GrantType::Infrastructure);
    let bulk = ready(world.ssh(&[], &["echo ready; exec cat /dev/zero"]));
    let (stuck, is_stuck) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    *world.memory.after_open.lock().unwrap() = Some(Box::new(move |_| {
        stuck.send(()).unwrap();
        let _ = released.recv();
    }));
    let second = Running(world.ssh(&[], WAITING).spawn().unwrap());
    is_stuck.recv_timeout(PATIENCE).unwrap();
    let open = connections(&world);
    assert_eq!(open, 3, "the second session has no connection to the node yet");
    world.memory.revoke();
    until("the end of the first session's sockets", || connections(&world) + 2 == open);
    assert_eq!(bulk.wait().status.code(), Some(255));
    drop(release);
    assert!(!second.wait().status.success(), "the grant was revoked before it got in");
    assert!(world.memory.closed_count(2).iter().any(|closed| closed.reason == SessionEnd::Revoked));
}

#[test]
fn a_grant_that_runs_out_by_either_clock_ends_the_session() {
    for push_wall in [true, false] {
        let world = open_world();
        let client = ready(world.ssh(&[], WAITING));
        let clocks = &world.memory.clocks;
        let clock = if push_wall { &clocks.wall } else { &clocks.boot };
        clock.fetch_add(HOUR, Ordering::SeqCst);
        assert_eq!(client.wait().status.code(), Some(255));
        assert_eq!(world.memory.closed().reason, SessionEnd::Expired, "wall: {push_wall}");
    }
}

#[test]
fn a_wall_clock_set_back_lengthens_nothing() {
    let world = open_world();
    let client = ready(world.ssh(&[], WAITING));
    world.memory.clocks.wall.fetch_add(-HOUR, Ordering::SeqCst);
    world.memory.clocks.boot.fetch_add(HOUR, Ordering::SeqCst);
    assert_eq!(client.wait().status.code(), Some(255));
    assert_eq!(world.memory.closed().reason, SessionEnd::Expired);
}

#[test]
fn no_byte_passes_after_the_deadline_even_before_a_timer_runs() {
    let world = open_world();
    let mut client = ready(world.ssh(&[], &["echo ready; exec cat"]));
    world.memory.clocks.boot.fetch_add(HOUR, Ordering::SeqCst);
    let stdin = client.0.stdin.as_mut().unwrap();
    drop(std::io::Write::write_all(stdin, b"too late\n"));
    let output = client.wait();
    assert_eq!(text(&output.stdout), "");
    assert_eq!(world.memory.closed().counters.received_bytes, 0);
}

#[test]
fn terminals_are_warned_before_the_end() {
    let world = World::new();
    world.memory.grant_for(GrantType::Infrastructure, HOUR);
    let mut client = ready(world.ssh(&["-tt"], WAITING));
    let mut told = BufReader::new(client.0.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert!(line.contains("recorded for the customer; the customer's grant, case 00042,"), "{line}");
    // Time has gone by besides, and what is left is told to the second.
    for (push, expected, or) in [(50 * MINUTE + 1000, "10 minutes", "9 minutes 5"), (9 * MINUTE, "1 minute\r", "5")] {
        world.memory.clocks.wall.fetch_add(push, Ordering::SeqCst);
        world.memory.clocks.boot.fetch_add(push, Ordering::SeqCst);
        line.clear();
        while !line.contains("byleave:") {
            assert_ne!(told.read_line(&mut line).unwrap(), 0);
        }
        let is = |told: &str| line.contains(&format!("this session ends in {told}"));
        assert!(is(expected) || is(or), "{line}");
    }
}

#[test]
fn a_terminal_whose_time_is_cut_short_is_told_how_much_is_left() {
    let world = World::new();
    world.memory.grant_for(GrantType::Infrastructure, HOUR);
    let client = ready(world.ssh(&["-tt"], WAITING));
    world.memory.grant_for(GrantType::Infrastructure, 8 * SECOND);
    let told = text(&client.wait().stderr);
    assert!(told.contains("this session ends in 8 seconds") && !told.contains("minute"), "{told}");
    world.memory.grant_for(GrantType::Infrastructure, 20 * SECOND);
    let output = world.run(&["-tt"], &["exit"], b"");
    let welcome = text(&output.stderr);
    let left = welcome.split("case 00042, ").nth(1).and_then(|left| left.split("s left").next()).unwrap_or(&welcome);
    assert!(left.parse::<u8>().is_ok_and(|left| (10..=20).contains(&left)), "{welcome}");
}

#[test]
fn the_lease_ends_what_nobody_renews() {
    let world = open_world();
    let client = ready(world.ssh(&[], WAITING));
    world.memory.lease.send_replace(Lease { until_boot_ms: 0 });
    assert_eq!(client.wait().status.code(), Some(255));
    assert_eq!(world.memory.closed().reason, SessionEnd::LeaseRanOut);
}

#[test]
fn in_clock_doubt_live_sessions_end_at_their_lease_and_the_record_says_why() {
    let world = open_world();
    let mut client = ready(world.ssh(&[], &["echo ready; exec cat"]));
    world.memory.clocks.in_doubt.store(true, Ordering::SeqCst);
    let mut answer = [0; 6];
    std::io::Write::write_all(client.0.stdin.as_mut().unwrap(), b"still\n").unwrap();
    client.0.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"still\n", "doubt alone ends nothing before the lease");
    world.memory.lease.send_replace(Lease { until_boot_ms: 0 });
    assert_eq!(client.wait().status.code(), Some(255));
    assert_eq!(world.memory.closed().reason, SessionEnd::ClockDoubt);
}

#[test]
fn orders_end_the_sessions_they_mean() {
    for which in [Which::Employee(EMPLOYEE), Which::Key(KEY), Which::All] {
        let world = open_world();
        let client = ready(world.ssh(&[], WAITING));
        world.memory.orders.send(Order::End { which, reason: SessionEnd::EmployeeDisabled }).unwrap();
        assert_eq!(client.wait().status.code(), Some(255));
        assert_eq!(world.memory.closed().reason, SessionEnd::EmployeeDisabled, "{which:?}");
    }
}

#[test]
fn a_cut_that_cannot_be_recorded_cuts_and_the_latch_keeps_the_door_shut() {
    let world = open_world();
    let client = ready(world.ssh(&[], WAITING));
    let handle = world.gateway.handle();
    handle.latch(Scope::Organization(ORGANIZATION));
    assert_eq!(handle.cut(Scope::Cluster(CLUSTER), SessionEnd::Revoked), 1);
    assert_eq!(client.wait().status.code(), Some(255));
    assert_eq!(world.run(&[], &["true"], b"").status.code(), Some(1));
    handle.unlatch(Scope::Organization(ORGANIZATION));
    assert_eq!(world.run(&[], &["true"], b"").status.code(), Some(0));
}

#[test]
fn a_revoke_between_decision_and_dial_opens_nothing() {
    let world = open_world();
    *world.memory.after_open.lock().unwrap() = Some(Box::new(|memory| memory.revoke()));
    let output = world.run(&[], &["echo in"], b"");
    assert_eq!((text(&output.stdout), output.status.code()), (String::new(), Some(1)));
    let closed = world.memory.closed();
    assert_eq!((closed.reason, closed.counters.commands), (SessionEnd::Blocked, 0));
}

/// A client that asks for no channel is told nothing, and need not leave by itself.
#[test]
fn a_connection_of_which_nothing_is_open_does_not_stay() {
    let world = World::with(|config| config.login_grace = PATIENCE / 6);
    world.memory.grant(GrantType::Infrastructure);
    *world.memory.after_open.lock().unwrap() = Some(Box::new(|memory| memory.revoke()));
    let revoked = Running(world.ssh(&["-N"], &[]).spawn().unwrap());
    assert_eq!(world.memory.closed().reason, SessionEnd::Blocked, "the session ends, whatever its client does");
    assert_eq!(revoked.wait().status.code(), Some(255));
    let mut refused = world.ssh(&["-N"], &[]).spawn().unwrap();
    until("the end of one that was refused", || refused.try_wait().unwrap().is_some());
}

#[test]
fn a_replacement_that_narrows_cuts_and_one_that_lengthens_goes_on() {
    let world = open_world();
    let client = ready(world.ssh(&[], WAITING));
    world.memory.grant_for(GrantType::Infrastructure, 2 * HOUR);
    world.memory.wait_for("going on", |report| match report {
        Report::Continued { .. } => Some(()),
        Report::Closed(_) | Report::Denied { .. } | Report::ForwardingRefused { .. } | Report::LogDownloaded { .. } => {
            None
        }
    });
    assert_eq!(world.gateway.handle().live().len(), 1);
    world.memory.grant(GrantType::DatabaseLogs);
    assert_eq!(client.wait().status.code(), Some(255));
    assert_eq!(world.memory.closed().reason, SessionEnd::Replaced);
}

#[test]
fn an_expiry_goes_over_to_standing_access() {
    let world = World::new();
    world.memory.change(|facts| facts.blocked = false);
    world.memory.grant_for(GrantType::Infrastructure, HOUR);
    let client = ready(world.ssh(&[], &["echo ready; exec cat"]));
    world.memory.clocks.boot.fetch_add(HOUR, Ordering::SeqCst);
    world.memory.clocks.wall.fetch_add(HOUR, Ordering::SeqCst);
    world.memory.wait_for("going on", |report| match report {
        Report::Continued { .. } => Some(()),
        Report::Closed(_) | Report::Denied { .. } | Report::ForwardingRefused { .. } | Report::LogDownloaded { .. } => {
            None
        }
    });
    assert_eq!(client.wait().status.code(), Some(0));
}

#[test]
fn an_end_is_reported_as_soon_as_the_control_hears_again() {
    let world = open_world();
    let client = ready(world.ssh(&[], WAITING));
    world.memory.silent.store(true, Ordering::SeqCst);
    world.memory.revoke();
    assert_eq!(client.wait().status.code(), Some(255));
    assert!(world.memory.reports().is_empty());
    world.memory.silent.store(false, Ordering::SeqCst);
    assert_eq!(world.memory.closed().reason, SessionEnd::Revoked);
}

#[test]
fn a_gateway_that_stops_ends_and_reports_its_sessions() {
    let world = open_world();
    let client = ready(world.ssh(&[], WAITING));
    let World { memory, gateway, directory: _directory, sshd: _sshd, .. } = world;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(gateway.stop());
    assert_eq!(memory.closed().reason, SessionEnd::Stopped);
    assert_eq!(client.wait().status.code(), Some(255));
}

#[test]
fn nobody_has_more_sessions_than_one_engineer_may() {
    let world = World::with(|config| config.sessions_per_employee = 2);
    world.memory.grant(GrantType::Infrastructure);
    let first = ready(world.ssh(&[], WAITING));
    let _second = ready(world.ssh(&[], WAITING));
    let third = world.run(&[], &["echo in"], b"");
    assert_eq!((text(&third.stdout), third.status.code()), (String::new(), Some(1)));
    assert!(text(&third.stderr).contains("you have 2 sessions open, as many as one engineer may have"), "{third:?}");
    assert_eq!(world.gateway.handle().live().len(), 2, "nothing was asked for the third");
    drop(first);
    world.memory.closed();
    until("room for another", || world.run(&[], &["true"], b"").status.success());
}
