//! What a disk keeps and loses, without SQLite.

use super::files::{Fault, Files};
use super::*;

fn disk() -> Disk {
    Disk::new().unwrap()
}

#[test]
fn what_was_synced_is_there_after_a_power_cut_and_what_was_not_may_be_there_in_part() {
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    for seed in 0..200 {
        let mut files = Files::default();
        let file = files.open(Some("a.db"), true).unwrap();
        files.write(&file, 0, &[1; 8192]).unwrap();
        files.sync(&file).unwrap();
        files.write(&file, 4096, &[2; 8192]).unwrap();
        files.cut_at(Some(1));
        assert_eq!(files.sync(&file), Err(Fault::NoPower));
        assert_eq!(files.write(&file, 0, &[3]), Err(Fault::NoPower));
        files.power_on(seed);
        assert_eq!(files.write(&file, 0, &[3]), Err(Fault::NoPower), "it was opened before");
        let bytes = files.bytes("a.db").unwrap();
        assert!(bytes[..4096] == [1; 4096] && bytes.len() >= 8192, "seed {seed}");
        match bytes.iter().copied().filter(|byte| *byte == 2).fold(0, |count, _| count + 1) {
            0 => lost += 1,
            8192 => kept += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 10 && lost > 10 && torn > 10, "{kept} {lost} {torn}");
}

#[test]
fn a_name_that_was_not_synced_may_be_gone_or_back() {
    let mut found = [0, 0];
    for seed in 0..50 {
        let mut files = Files::default();
        let file = files.open(Some("old"), true).unwrap();
        files.sync(&file).unwrap();
        files.delete("old", false).unwrap();
        files.open(Some("new"), true).unwrap();
        files.cut_at(Some(1));
        assert_eq!(files.sync(&file), Err(Fault::NoPower));
        files.power_on(seed);
        found[0] += u32::from(files.exists("old").unwrap());
        found[1] += u32::from(files.exists("new").unwrap());
        assert!(!files.exists("new").unwrap() || !files.exists("old").unwrap(), "names change in order");
    }
    assert!(found.iter().all(|found| (1..50).contains(found)), "{found:?}");
}

#[test]
fn a_disk_that_lies_about_syncs_loses_what_it_said_was_safe() {
    let survives = |lies: bool| {
        let count = |seed: u64| {
            let mut files = Files::default();
            files.lie(lies);
            let file = files.open(Some("a.db"), true).unwrap();
            files.write(&file, 0, &[1; 512]).unwrap();
            files.sync(&file).unwrap();
            files.cut_at(Some(1));
            assert!(files.sync(&file).is_err());
            files.power_on(seed);
            files.bytes("a.db") == Some(vec![1; 512])
        };
        (0..50).filter(|seed| count(*seed)).count()
    };
    assert_eq!(survives(false), 50);
    assert!(survives(true) < 50);
}

#[test]
fn a_full_disk_takes_what_is_there_already_and_everything_again_once_there_is_room() {
    let mut files = Files::default();
    let file = files.open(Some("a.db"), true).unwrap();
    files.write(&file, 0, &[1; 512]).unwrap();
    files.fill(Some(1), Full::NoGrowth);
    assert_eq!(files.write(&file, 512, &[2; 512]), Err(Fault::Full));
    files.write(&file, 0, &[3; 512]).unwrap();
    files.fill(Some(0), Full::NoWrites);
    assert_eq!(files.write(&file, 0, &[4; 512]), Err(Fault::Full));
    files.fill(None, Full::NoWrites);
    files.write(&file, 512, &[5; 512]).unwrap();
}

#[test]
fn locks_keep_writers_apart_and_readers_in() {
    let mut files = Files::default();
    let [one, other] = [(); 2].map(|()| files.open(Some("a.db"), true).unwrap());
    assert_eq!(files.lock(&one, 1), Ok(true));
    assert_eq!(files.lock(&other, 1), Ok(true));
    assert_eq!(files.lock(&one, 2), Ok(true));
    assert_eq!(files.lock(&other, 2), Ok(false));
    assert_eq!(files.lock(&one, 4), Ok(false), "somebody reads");
    files.unlock(&other, 0).unwrap();
    assert_eq!(files.lock(&other, 1), Ok(false), "somebody waits to write");
    assert_eq!(files.lock(&one, 4), Ok(true));
    files.unlock(&one, 0).unwrap();
    assert_eq!(files.lock(&other, 1), Ok(true));
    assert_eq!(files.lock_slots(&one, 0..2, true), Ok(true));
    assert_eq!(files.lock_slots(&other, 1..2, false), Ok(false));
    files.unlock_slots(&one, 0..2);
    assert_eq!(files.lock_slots(&other, 1..2, false), Ok(true));
}

#[test]
fn a_path_finds_its_disk_as_long_as_there_is_one() {
    let disk = disk();
    let path = disk.path("a.db");
    assert_eq!(find(path.to_str().unwrap()).unwrap().1, "a.db");
    drop(disk);
    assert!(find(path.to_str().unwrap()).is_none());
}
