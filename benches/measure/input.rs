//! Inputs, made once and kept in a folder.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tidemark::murmur2::murmur2;
use tidemark::sources::casino::Casino;

/// The benchmark input, with other numbers where a benchmark asks for them.
pub(crate) fn casino(folder: &Path, events: u64, players: u32) -> PathBuf {
    let casino = Casino { events, players, ..Casino::benchmark() };
    kept(folder, &format!("bench-{events}-events-{players}-players"), |into| {
        casino.write(into).expect("the input can be written");
    })
}

/// The benchmark input in which one player has three bets of ten, and what follows from them: a whale.
pub(crate) fn whale(folder: &Path, events: u64) -> PathBuf {
    const WHALE: &str = "pwhale";
    let casino = Casino { events, ..Casino::benchmark() };
    let home = (murmur2(format!("b1:{WHALE}").as_bytes()) & 0x7fff_ffff) % casino.partitions;
    kept(folder, &format!("whale-{events}-events"), |into| {
        let mut files: Vec<_> = (0..casino.partitions).map(|partition| partition_file(into, partition)).collect();
        let (mut records, mut line, mut changed) = (casino.records(), Vec::new(), Vec::new());
        while let Some(partition) = records.next(&mut line) {
            let text = std::str::from_utf8(&line).expect("the casino writes UTF-8");
            // A bet, its resending, its void and its wins carry the bet's number, and stay together by it.
            let number = behind(text, "bet_id\":\"b-").and_then(|number| number.parse::<u64>().ok());
            let player = behind(text, "\"player_id\":\"").expect("a record has a player");
            let at = match number.filter(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32 < (3_u64 << 32) / 10) {
                Some(_) => {
                    changed.clear();
                    changed.extend_from_slice(
                        text.replacen(&format!("\"player_id\":\"{player}\""), &format!("\"player_id\":\"{WHALE}\""), 1)
                            .as_bytes(),
                    );
                    home as usize
                }
                None => {
                    changed.clone_from(&line);
                    partition
                }
            };
            changed.push(b'\n');
            files[at].write_all(&changed).expect("the input can be written");
        }
        for mut file in files {
            file.flush().expect("the input can be written");
        }
    })
}

/// `bets` bets of every one of `players` players, evenly over ten days, and then a tail of bets of one player.
pub(crate) fn even(folder: &Path, players: u64, bets: u64, tail: u64) -> PathBuf {
    const PARTITIONS: u32 = 8;
    kept(folder, &format!("even-{players}-players-{bets}-bets-{tail}-tail"), |into| {
        let mut files: Vec<_> = (0..PARTITIONS).map(|partition| partition_file(into, partition)).collect();
        let all = players * bets;
        let step_us = 10 * 86_400_000_000 / all;
        for number in 0..all + tail {
            let player = if number < all { number % players } else { 0 };
            let key = format!("b1:p{player}");
            let partition = (murmur2(key.as_bytes()) & 0x7fff_ffff) % PARTITIONS;
            let us = i64::try_from(number * step_us).expect("ten days fit");
            let at = jiff::Timestamp::from_microsecond(1_767_225_600_000_000 + us).expect("a time of 2026");
            writeln!(
                files[partition as usize],
                r#"{{"event_id":"e-{number}","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p{player}","occurred_at":"{at:.3}","bet_id":"b-{number}","round_id":"r-{number}","game_id":"book-of-sun","game_type":"slots","amount":"{}.50","currency":"EUR"}}"#,
                1 + number % 7
            )
            .expect("the input can be written");
        }
        for mut file in files {
            file.flush().expect("the input can be written");
        }
    })
}

/// Writes one line.
pub(crate) fn line(file: &mut BufWriter<File>, text: &str) {
    writeln!(file, "{text}").expect("the input can be written");
}

/// The text up to the next quote behind a name.
fn behind<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(name)?.1.split('"').next()
}

/// A file of the topic of bets.
pub(crate) fn partition_file(folder: &Path, partition: u32) -> BufWriter<File> {
    let topic = folder.join("bets.v1");
    std::fs::create_dir_all(&topic).expect("the folder can be made");
    BufWriter::with_capacity(1 << 20, File::create(topic.join(format!("{partition}.jsonl"))).expect("the file can be made"))
}

/// The folder of that name; made by `make` when it is not there, and there only when it is whole.
pub(crate) fn kept(folder: &Path, name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let whole = folder.join(name);
    if !whole.exists() {
        println!("making {name} once");
        let part = folder.join(format!(".part-{name}"));
        if part.exists() {
            std::fs::remove_dir_all(&part).expect("what an interrupted run left can be removed");
        }
        std::fs::create_dir_all(&part).expect("the folder can be made");
        make(&part);
        std::fs::rename(&part, &whole).expect("the folder can be renamed");
    }
    whole
}

/// The files of an input.
pub(crate) fn files(input: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(input.join("bets.v1"))
        .expect("the input is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    files.sort();
    files
}
