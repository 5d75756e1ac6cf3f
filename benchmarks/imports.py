"""What `import kling_async` costs above its core dependencies, as `python -X importtime` counts it.

Fresh interpreters in turns; medians of many. Target: at most 1.15 times the dependencies alone. The package loads its
names when they are used, so the last line is what a program with a client pays.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 21
CORE = "import aiohttp, attrs, cattrs, cattrs.gen, jwt, tenacity"
OURS = "import kling_async"
USED = "from kling_async import KlingClient"
NAMES = {
    "the core dependencies alone": "",
    "import kling_async": "target 1.15",
    "from kling_async import KlingClient": "",
}


def milliseconds(code: str) -> float:
    """All imports of a fresh interpreter, without those of its own start."""

    def total(code: str) -> int:
        command = [sys.executable, "-X", "importtime", "-c", code]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        lines = [line.removeprefix("import time:").split("|") for line in run.stderr.splitlines()]
        return sum(int(line[0]) for line in lines if len(line) == 3 and line[0].strip().isdecimal())

    return (total(code) - total("pass")) / 1000


def main() -> None:
    """Print the table."""
    milliseconds(USED)
    rounds = [tuple(milliseconds(code) for code in (CORE, OURS, USED)) for _ in range(ROUNDS)]
    print(f"{'import time':44} {'ms':>8} {'ratio':>7}")
    for at, (name, note) in enumerate(NAMES.items()):
        each = statistics.median(row[at] for row in rounds)
        print(f"{name:44} {each:8.1f} {statistics.median(row[at] / row[0] for row in rounds):7.2f}   {note}".rstrip())


if __name__ == "__main__":
    main()
