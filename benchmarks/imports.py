"""What `import kling_async` costs above its core dependencies, as `python -X importtime` counts it.

Fresh interpreters in turns; medians of many. Target: at most 1.15 times the dependencies alone.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 21
CORE = "import aiohttp, attrs, cattrs, cattrs.gen, jwt, tenacity"
OURS = "import kling_async"


def milliseconds(code: str) -> float:
    """All imports of a fresh interpreter, without those of its own start."""

    def total(code: str) -> int:
        run = subprocess.run([sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True)
        lines = [line.removeprefix("import time:").split("|") for line in run.stderr.splitlines()]
        return sum(int(line[0]) for line in lines if len(line) == 3 and line[0].strip().isdecimal())

    return (total(code) - total("pass")) / 1000


def main() -> None:
    """Print the table."""
    milliseconds(OURS)
    rounds = [(milliseconds(CORE), milliseconds(OURS)) for _ in range(ROUNDS)]
    core, ours = (statistics.median(each) for each in zip(*rounds, strict=True))
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"{'import time':44} {'ms':>8} {'ratio':>7}")
    print(f"{'the core dependencies alone':44} {core:8.1f} {1:7.2f}")
    print(f"{'import kling_async':44} {ours:8.1f} {ratio:7.2f}   target 1.15")


if __name__ == "__main__":
    main()
