"""Makes customers.csv: customers of a telephone company who stay or leave.

Run it with `python generate.py`. Invented from nothing but a seed: whoever has a monthly contract, few
months behind them, a high bill and calls to support is likelier to leave. Some values are missing, as in
life, and one in six leaves.
"""

import csv
import math
import random
from datetime import date, timedelta
from pathlib import Path

ROWS = 4000
TODAY = date(2026, 6, 30)
REGIONS = (
    "north coast", "south coast", "lake district", "old town", "harbour", "hills", "west end", "east end", "airport",
    "university", "market", "river bank", "station", "park side", "new town", "valley", "forest", "island", "gardens",
    "mill quarter", "castle", "bridge", "meadows",
)  # fmt: skip


def customer(number: int, dice: random.Random) -> dict[str, object]:
    """One row."""
    contract = dice.choices(("monthly", "one year", "two years"), (5, 3, 2))[0]
    months = min(int(dice.expovariate(1 / (14 if contract == "monthly" else 30))) + 1, 96)
    plan = dice.choices(("basic", "plus", "premium"), (5, 4, 2))[0]
    bill = round({"basic": 19, "plus": 34, "premium": 59}[plan] * dice.uniform(0.8, 1.4), 2)
    calls = min(int(dice.expovariate(1.1)), 9)
    paperless = dice.random() < 0.6
    age = min(max(int(dice.gauss(46, 15)), 18), 90)
    pull = (
        -3.6
        + {"monthly": 1.7, "one year": 0.3, "two years": -0.9}[contract]
        - 0.035 * months
        + 0.022 * bill
        + 0.55 * calls
        + (0.25 if paperless else 0)
    )
    leaves = dice.random() < 1 / (1 + math.exp(-pull))
    return {
        "customer_id": f"C{100_000 + number}",
        "joined": (TODAY - timedelta(days=int(months * 30.4) + dice.randrange(30))).isoformat(),
        "age": "" if dice.random() < 0.06 else age,
        "region": "" if dice.random() < 0.02 else dice.choice(REGIONS),
        "contract": contract,
        "plan": plan,
        "paperless": str(paperless).lower(),
        "payment": dice.choice(("card", "direct debit", "invoice", "")),
        "months": months,
        "monthly_bill": "" if dice.random() < 0.04 else bill,
        "support_calls": calls,
        "churned": "yes" if leaves else "no",
    }


def main() -> None:
    """Write customers.csv beside this file."""
    dice = random.Random(20260630)
    rows = [customer(number, dice) for number in range(ROWS)]
    with (Path(__file__).parent / "customers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
