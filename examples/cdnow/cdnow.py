#!/usr/bin/env python3
"""Turns the CDNOW purchases into bets, one JSON line each.

usage: cdnow.py CACHE EVENTS

The purchases (69,659 of 23,570 customers, January 1997 to June 1998) are a text file inside the Python package Lifetimes.
pip downloads that package, the file is kept as CACHE/CDNOW_master.txt. Nothing of it is installed or run.
The bets go to EVENTS/bets.v1/0.jsonl.
"""
import collections
import datetime
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import zipfile
import zoneinfo

PACKAGE = "lifetimes==0.11.3"
INSIDE = "lifetimes/datasets/CDNOW_master.txt"
SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
ZONE = zoneinfo.ZoneInfo("America/New_York")  # the brand's time zone in programme.yaml


def fetch(cache):
    """The raw file; downloaded once."""
    raw = cache / "CDNOW_master.txt"
    if not raw.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temp:
            pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "-d", temp, PACKAGE]
            if subprocess.run(pip).returncode != 0:
                sys.exit(f"cdnow: pip could not download {PACKAGE}. On Debian: apt-get install -y python3-pip")
            (wheel,) = pathlib.Path(temp).glob("*.whl")
            part = pathlib.Path(temp) / "part"
            part.write_bytes(zipfile.ZipFile(wheel).read(INSIDE))
            part.rename(raw)
    found = hashlib.sha256(raw.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"cdnow: {raw} is not the file this example was made for (SHA-256 {found}). Remove it and run again.")
    return raw


def purchases(raw):
    """(row, customer, day, amount) of every line after the heading; the amount is the text of the file."""
    lines = raw.read_text(encoding="ascii").split("\n")[1:]
    for row, line in enumerate((line for line in lines if line.strip()), start=1):
        customer, day, _number_of_cds, amount = line.split()
        yield row, customer, datetime.datetime.strptime(day, "%Y%m%d").date(), amount


def midnight(day):
    """The first instant of a day in the shop's time zone."""
    return datetime.datetime.combine(day, datetime.time(), ZONE).astimezone(datetime.timezone.utc)


def bets(raw):
    """The file knows days, a bet needs an instant. The purchases of a day are spread evenly over it in the order of the file: the
    first at local midnight sharp, the last just before the next midnight, no two at the same time. Days of 23 and 25 hours too."""
    by_day = collections.defaultdict(list)
    for row, customer, day, amount in purchases(raw):
        by_day[day].append((row, customer, amount))
    for day in sorted(by_day):
        start, end = midnight(day), midnight(day + datetime.timedelta(days=1))
        step_ms = (end - start) // datetime.timedelta(milliseconds=1) // len(by_day[day])
        for n, (row, customer, amount) in enumerate(by_day[day]):
            at = start + datetime.timedelta(milliseconds=n * step_ms)
            yield {
                "event_id": f"cdnow-{row}",
                "event_type": "BetPlaced",
                "schema_version": 1,
                "source": "cdnow",
                "brand_id": "cdnow",
                "player_id": customer,
                "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "bet_id": f"b-{row}",
                "round_id": f"r-{row}",
                "game_id": "cd",
                "game_type": "slots",
                "amount": amount,
                "currency": "USD",
            }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    raw = fetch(pathlib.Path(sys.argv[1]))
    target = pathlib.Path(sys.argv[2]) / "bets.v1" / "0.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with target.open("w", encoding="ascii", newline="\n") as out:
        for bet in bets(raw):
            out.write(json.dumps(bet, separators=(",", ":")) + "\n")
            count += 1
    print(f"{count} bets in {target}")


if __name__ == "__main__":
    main()
