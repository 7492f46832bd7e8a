"""A repository check: lock files name packages, versions and hashes, and no host."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOST = re.compile(r"https?://|--(extra-)?index-url|--find-links")


def main() -> int:
    bad = [
        f"{path.name}:{number}: {line}"
        for path in sorted(ROOT.glob("requirements*.txt"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if HOST.search(line)
    ]
    sys.stdout.write("\n".join(bad) + "\n" if bad else "lock files hold no host\n")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
