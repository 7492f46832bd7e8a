"""The whole of parity: ``python -m tests.parity`` runs two recorded years and a thousand generated markets twice each.

The suite holds a short version of both (tests/scenario/test_parity.py).
"""

import argparse
import os
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.fakes.generated import generated
from tests.fakes.parity import Told, assert_equal, recorded, run_driver, run_live


def compare(what: str, live: Told, ours: Told) -> int:
    """Stop at the first difference; how many records were equal."""
    assert_equal(live[0], ours[0])
    if live[1] != ours[1]:
        raise AssertionError(f"{what}: equity differs")
    return len(ours[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=1000)
    parser.add_argument("--from", dest="first", default="2022-01-01")
    parser.add_argument("--to", dest="last", default="2023-12-31")
    options = parser.parse_args()
    folder = Path(os.environ.get("CRYPTOPILOT_TEST_DATA", ROOT.parent / "shared" / "data"))
    for mandated in ({"trailing": 0.0}, {"trailing": 0.02}, {"strategy": "trend"}, {"strategy": "reversion"}):
        count = compare("recorded", *recorded(folder, options.first, options.last, **mandated))
        sys.stdout.write(f"recorded, {mandated}: {count:,} records equal\n")
        sys.stdout.flush()
    total = 0
    for seed in range(options.markets):
        made = generated(seed)
        total += compare(f"seed {seed}", run_live(made), run_driver(made))
    sys.stdout.write(f"{options.markets} generated markets: {total:,} records equal\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
