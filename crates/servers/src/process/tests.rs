//! Children as their parents see them. The parent that is killed is a shell, so that the test survives.

use super::*;

fn sleeper(log: &Path) -> Process {
    Launch::new("sleeper", "sleep", log).args(["600"]).start().unwrap()
}

#[test]
fn a_child_stops_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let child = sleeper(&folder.path().join("log"));
    let remembered = child.remember();
    assert!(remembered.is_alive());
    drop(child);
    assert!(!remembered.is_alive());
}

#[test]
fn a_child_that_does_not_heed_its_signal_is_killed_after_its_grace() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Launch::new("deaf", "sh", &log)
        .args(["-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"])
        .stopped_by(Signal::Term, Duration::from_secs(1))
        .start()
        .unwrap();
    while child.log_tail(1) != "deaf" {
        std::thread::sleep(POLL);
    }
    assert!(!child.stop());
    assert!(child.has_ended());
}

#[test]
fn a_program_that_does_not_exist_ends_with_the_reason_in_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut child = Launch::new("nothing", "/no/such/program", &log).start().unwrap();
    assert!(child.ends_within(Duration::from_secs(10)));
    assert!(child.log_tail(1).contains("not found"), "{}", child.log_tail(1));
}

#[test]
fn a_process_of_another_age_with_the_same_id_is_a_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let child = sleeper(&folder.path().join("log"));
    let text = serde_json::to_string(&child.remember()).unwrap();
    let stranger: Remembered =
        serde_json::from_str(&text.replace("\"birth\":\"", "\"birth\":\"not ")).unwrap();
    assert!(!stranger.is_alive());
    assert!(stranger.stop());
    assert!(child.remember().is_alive());
}

#[test]
fn a_detached_child_outlives_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let child = Launch::new("sleeper", "sleep", folder.path().join("log"))
        .args(["600"])
        .life(Life::Detached)
        .start()
        .unwrap();
    let remembered = child.remember();
    drop(child);
    assert!(remembered.is_alive());
    assert!(remembered.stop());
    assert!(!remembered.is_alive());
}

#[test]
fn a_child_dies_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "process::tests::a_parent_that_waits_to_be_killed"])
        .env("WEIR_TEST_FOLDER", folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let child: Remembered = loop {
        if let Ok(text) = fs::read_to_string(folder.path().join("child")) {
            break serde_json::from_str(&text).unwrap();
        }
        std::thread::sleep(POLL);
    };
    assert!(child.is_alive());
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(child.ends_within(Duration::from_secs(10)));
    let deadline = Instant::now() + Duration::from_secs(10);
    while data.exists() {
        assert!(Instant::now() < deadline, "the data of a dead parent is still there");
        std::thread::sleep(POLL);
    }
}

#[test]
#[ignore = "the parent of a_child_dies_when_its_parent_is_killed, which runs it as a process of its own"]
fn a_parent_that_waits_to_be_killed() {
    let folder = PathBuf::from(std::env::var_os("WEIR_TEST_FOLDER").unwrap());
    let child = Launch::new("sleeper", "sleep", folder.join("log"))
        .args(["600"])
        .data(&folder.join("data"))
        .life(Life::Ephemeral)
        .start()
        .unwrap();
    fs::write(folder.join("unfinished"), serde_json::to_string(&child.remember()).unwrap()).unwrap();
    fs::rename(folder.join("unfinished"), folder.join("child")).unwrap();
    std::thread::sleep(Duration::from_mins(1));
}
