"""A repository check: lock files name packages, versions and hashes, and no host."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOST = re.compile(r"https?://|--(extra-)?index-url|--find-links")
REGISTRY = re.compile(r'"resolved"|"[^"]*https?://[^"]*\.tgz"')


def main() -> int:
    locks = [(path, HOST) for path in sorted(ROOT.glob("requirements*.txt"))]
    locks += [(ROOT / folder / "package-lock.json", REGISTRY) for folder in ("web", "tests/browser")]
    bad = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path, host in locks
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if host.search(line)
    ]
    sys.stdout.write("\n".join(bad) + "\n" if bad else "lock files hold no host\n")
    return len(bad)


if __name__ == "__main__":
    sys.exit(main())
