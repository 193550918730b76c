"""Makes houses.csv: houses that were sold, and for how much.

Run it with `python generate.py`. Invented from nothing but a seed: the price grows with the area, the
quarter and the condition, falls with age and distance, and has a spread of its own. Some values are
missing, as in life.
"""

import csv
import random
from datetime import date, timedelta
from pathlib import Path

ROWS = 2000
QUARTERS = {"centre": 1.35, "river": 1.2, "hill": 1.1, "station": 0.95, "south": 0.9, "industrial": 0.75}
CONDITIONS = {"new": 1.2, "renovated": 1.1, "good": 1.0, "needs work": 0.82}


def house(dice: random.Random) -> dict[str, object]:
    """One row."""
    quarter, condition = dice.choice(list(QUARTERS)), dice.choices(list(CONDITIONS), (1, 2, 5, 2))[0]
    area = round(min(max(dice.gauss(115, 40), 35), 320), 1)
    built = dice.randrange(2015, 2026) if condition == "new" else dice.randrange(1890, 2015)
    distance = round(dice.uniform(0.2, 18), 1)
    garden = dice.random() < 0.45
    sold = date(2022, 1, 1) + timedelta(days=dice.randrange(1600))
    price = 2400 * area**0.93 * QUARTERS[quarter] * CONDITIONS[condition]
    price *= 1 - 0.0012 * (2026 - built) - 0.011 * distance + (0.07 if garden else 0)
    price *= 1 + 0.035 * (sold - date(2022, 1, 1)).days / 365
    return {
        "sold_on": sold.isoformat(),
        "quarter": quarter,
        "condition": "" if dice.random() < 0.03 else condition,
        "area_m2": area,
        "rooms": min(max(round(area / 27 + dice.gauss(0, 0.8)), 1), 12),
        "built": "" if dice.random() < 0.05 else built,
        "garden": str(garden).lower(),
        "distance_km": distance,
        "price": round(price * dice.gauss(1, 0.07), -2),
    }


def main() -> None:
    """Write houses.csv beside this file."""
    dice = random.Random(1890)
    rows = [house(dice) for _ in range(ROWS)]
    with (Path(__file__).parent / "houses.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
