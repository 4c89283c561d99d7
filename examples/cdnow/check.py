#!/usr/bin/env python3
"""Compares what Tidemark wrote with the raw purchases, customer by customer. Reads neither the events nor the programme.
usage: check.py RAW OUT        exit code 0: all equal, 1: the first differences are printed"""
import collections, datetime, itertools, json, pathlib, sys, zoneinfo  # noqa: E401
from decimal import Decimal

ZONE = zoneinfo.ZoneInfo("America/New_York")
END = datetime.date(1998, 7, 15).toordinal()  # the run ends with the midnight into this day
# Name, entry, maintain, points per dollar: the numbers of programme.yaml.
LEVELS = [("Bronze", 0, 0, Decimal("1")), ("Silver", 100, 15, Decimal("1")),
          ("Gold", 250, 40, Decimal("1.25")), ("Platinum", 500, 80, Decimal("1.5"))]
MIN_TENURE_DAYS, GRACE_DAYS = 30, 3


def read_purchases(raw):
    by_customer = collections.defaultdict(list)
    for row, line in enumerate(pathlib.Path(raw).read_text().splitlines()[1:], start=1):
        customer, day, _cds, dollars = line.split()
        by_customer[customer].append((row, datetime.date.fromisoformat(day), Decimal(dollars)))
    return by_customer


def expected(purchases):
    """One customer's history, walked day by day: each midnight first, then the purchases of the day."""
    tier, lost, days_below, upgraded_on, came_down = 0, set(), 0, 0, False
    total = accrued = available = Decimal(0)
    expires_on, changes, expiries, waiting = 0, [], [], collections.deque(purchases)
    first = purchases[0][1].toordinal()
    spent = [Decimal(0)] * (END + 1 - first)
    rolling = lambda: sum(spent[max(0, day - first - 29) : day - first + 1])
    midnight = lambda: f"{datetime.date.fromordinal(day)} 00:00:00"
    change = lambda when, to, *how: changes.append((when, LEVELS[tier][0], LEVELS[to][0], *how, total, rolling()))
    for day in range(first, END + 1):
        if tier > 0:
            tenure_over = came_down or day - upgraded_on >= MIN_TENURE_DAYS
            days_below = days_below + 1 if tenure_over and rolling() < LEVELS[tier][2] else 0
            if days_below > GRACE_DAYS:
                change(midnight(), tier - 1, "down", "decay", 1)
                lost.add(tier)
                tier, came_down, days_below = tier - 1, True, 0
        if available > 0 and day >= expires_on:
            expiries.append((midnight(), -available))
            available = Decimal(0)
        while waiting and waiting[0][1].toordinal() == day:
            row, date, dollars = waiting.popleft()
            points = dollars * LEVELS[tier][3]
            spent[day - first] += dollars
            total, accrued, available = total + dollars, accrued + points, available + points
            expires_on = date.replace(year=date.year + 1).toordinal() + 1
            for step, up in enumerate(range(tier + 1, len(LEVELS)), start=1):
                if total < LEVELS[up][1] or (up in lost and rolling() < LEVELS[up][2]):
                    break
                change(f"{date} by cdnow-{row}", up, "up", "threshold", step)
                lost.discard(up)
                tier, upgraded_on, came_down, days_below = up, day, False, 0
    level_ups = len({change[2] for change in changes if change[3] == "up"})
    return {"purchases": len(purchases), "turnover": total, "profile turnover": total, "rolling_30d": rolling()} | {
        "tier": LEVELS[tier][0], "lost": sorted(LEVELS[t][0] for t in lost), "changes": changes, "level_ups": level_ups,
        "accrued": accrued, "available": available, "expiries": expiries}


def read_out(out):
    """The same for every customer, from the facts."""
    def facts(topic):
        path = pathlib.Path(out) / f"{topic}.jsonl"
        for fact in sorted(map(json.loads, path.open()), key=lambda fact: fact["seq"]) if path.exists() else []:
            local = datetime.datetime.fromisoformat(fact["occurred_at"]).astimezone(ZONE).replace(tzinfo=None)
            cause = fact["cause_event_id"] if topic != "crm.player-profile.v1" else None
            yield found[fact["player_id"]], fact, f"{local.date()} by {cause}" if cause else str(local)
    found = collections.defaultdict(lambda: {"purchases": 0, "turnover": Decimal(0), "accrued": Decimal(0), "level_ups": 0,
                                             "changes": [], "expiries": []})
    for customer, f, when in facts("loyalty.tier-changes.v1"):
        customer["changes"].append((when, *(f[key] for key in ("from", "to", "direction", "reason", "step")),
                                    Decimal(f["cumulative"]), Decimal(f["rolling_30d"])))
    for customer, f, when in facts("loyalty.points-ledger.v1"):
        if f["entry_type"] == "expire":
            customer["expiries"].append((when, Decimal(f["points"])))
        else:  # purchases are all there is: any other entry makes the sums differ
            customer["purchases"] += 1
            customer["accrued"] += Decimal(f["points"])
            customer["turnover"] += Decimal(f["base_amount"])
    for customer, f, _ in facts("crm.triggers.v1"):
        customer["level_ups"] += f["trigger"] == "level_up"
    for customer, f, _ in facts("crm.player-profile.v1"):
        customer |= {"tier": f["tier"], "lost": sorted(f["lost"]), "available": Decimal(f["points"]["available"]),
                     "rolling_30d": Decimal(f["rolling_30d"]), "profile turnover": Decimal(f["cumulative"])}
    return found


def difference(who, key, want, have):
    if isinstance(want, list) and isinstance(have, list):
        want, have = next((w, h) for w, h in itertools.zip_longest(want, have) if w != h)
    return f"{who}, {key}: expected {want}, found {have}".replace("Decimal", "")


def main(raw, out):
    wanted, found = {customer: expected(rows) for customer, rows in read_purchases(raw).items()}, read_out(out)
    total = lambda key: sum(customer[key] for customer in wanted.values())
    count = lambda direction: sum(change[3] == direction for customer in wanted.values() for change in customer["changes"])
    tiers = collections.Counter(customer["tier"] for customer in wanted.values())
    tiers, rows = ", ".join(f"{name} {tiers[name]}" for name, *_ in LEVELS), total("purchases")
    line = (f"{len(wanted)} customers, {rows} purchases, turnover {total('turnover')} USD; {tiers}; {count('up')} upgrades,"
            f" {count('down')} downgrades, points expired {sum(len(c['expiries']) for c in wanted.values())} times")
    wanted["summary.json"] = {"events_in": rows, "applied": rows, "duplicates": 0, "late": 0, "dead_letters": 0}
    summary = json.loads((pathlib.Path(out) / "summary.json").read_text())
    found["summary.json"] = {key: summary.get(key) for key in wanted["summary.json"]}
    differences = []
    for who in sorted(wanted.keys() | found.keys()):
        want, have = wanted.get(who, {}), found.get(who, {})
        keys = sorted(key for key in want.keys() | have.keys() if want.get(key) != have.get(key))
        differences += [difference(who, key, want.get(key), have.get(key)) for key in keys]
    verdict = f"{len(differences)} differences, the first are" if differences else "all equal"
    print(f"{line}: {verdict}", *differences[:20], sep="\n")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]) if len(sys.argv) == 3 else __doc__)
