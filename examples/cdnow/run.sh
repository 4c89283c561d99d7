#!/usr/bin/env bash
# Fetches the purchases, turns them into bets, replays them, checks the result.  usage: run.sh [TIDEMARK]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
cache=${TIDEMARK_CACHE:-$repo/.cache}/cdnow
until=1998-07-15T04:00:00Z                 # a midnight in New York; check.py has the same

tidemark=(cargo run --quiet --release --manifest-path "$repo/Cargo.toml" --)
[[ $# == 0 ]] || tidemark=("$(realpath -e "$1")")
command -v python3 >/dev/null || { echo "run.sh: python3 is missing. On Debian: apt-get install -y python3 python3-pip" >&2; exit 1; }

cd "$here"
rm -rf events out
python3 cdnow.py "$cache" events
"${tidemark[@]}" replay --programme programme.yaml --events events --out out --until "$until"
python3 check.py "$cache/CDNOW_master.txt" out
