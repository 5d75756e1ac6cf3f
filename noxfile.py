"""What can be run here: `nox -l` lists it. Each session makes its own environment from uv.lock."""

from __future__ import annotations

import nox
from nox_uv import session

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "types", "lint", "examples"]
nox.options.reuse_venv = "yes"

PEERS = {
    name: f"{name}=={version}"
    for name, version in {
        "azure-core": "1.41.0",
        "fal-client": "1.0.3",
        "httpx": "0.28.1",
        "openai": "3.52.0",
        "replicate": "1.0.7",
        "runwayml": "5.24.0",
    }.items()
}
PATHS = ("kling_async", "tests", "benchmarks", "examples", "noxfile.py")


@session(uv_extras=["cli", "emulator"])
def demo(s: nox.Session) -> None:
    """Turn a dozen prompts into pictures, videos and a page to look at, without a key."""
    s.run("kling", "demo", *s.posargs)


@session(uv_groups=["tests"], uv_all_extras=True)
def studio(s: nox.Session) -> None:
    """Open the example application on this machine, on an emulator, without a key."""
    s.run("python", "-m", "examples.studio", *s.posargs)


@session(uv_groups=["tests"], uv_all_extras=True)
def tests(s: nox.Session) -> None:
    """Run the whole suite, in random order."""
    s.run("pytest", *s.posargs)


@session(uv_groups=["tests"], uv_all_extras=True)
def coverage(s: nox.Session) -> None:
    """Measure which branches the suite reaches."""
    s.run("coverage", "run", "-m", "pytest", *s.posargs)
    s.run("coverage", "report")


@session(uv_groups=["types", "bench"], uv_all_extras=True)
def types(s: nox.Session) -> None:
    """Read everything with two strict type checkers, then ask how complete the public types are."""
    s.run("mypy", "--strict")
    python = f"{s.bin}/python"
    s.run("pyright", "--pythonpath", python)
    # Completeness is asked of the package as it is installed, not of the checkout.
    s.run_install("uv", "pip", "install", "--quiet", "--no-deps", "--reinstall", ".")
    with s.chdir(s.create_tmp()):
        s.run("pyright", "--pythonpath", python, "--ignoreexternal", "--verifytypes", "kling_async")


@session(uv_groups=["lint"])
def lint(s: nox.Session) -> None:
    """Check style, the direction of imports, and the workflow."""
    s.run("ruff", "check", *PATHS)
    s.run("ruff", "format", "--check", *PATHS)
    s.run("lint-imports", "--no-logo")
    s.run("zizmor", "--offline", "--quiet", ".github/workflows")


@session(uv_groups=["tests"], uv_all_extras=True)
def examples(s: nox.Session) -> None:
    """Run every example against an emulator."""
    s.run("pytest", "tests/test_examples.py", *s.posargs)


@session(uv_groups=["bench"], uv_extras=["emulator"])
def bench(s: nox.Session) -> None:
    """Print the tables of the benchmarks; compare ratios inside one table only."""
    for name in s.posargs or ("overhead", "memory", "imports", "pages", "uploads", "downloads"):
        s.run("python", f"benchmarks/{name}.py")


@session(uv_groups=["bench"], uv_extras=["emulator"])
def bench_polling(s: nox.Session) -> None:
    """Follow tasks beside peers, and many handles beside plain loops; takes some minutes."""
    _install(s, "httpx", "runwayml", "replicate", "fal-client")
    s.run("python", "benchmarks/polling_simulation.py")
    s.run("python", "benchmarks/polling.py", *s.posargs)
    s.run("python", "benchmarks/handles.py")


@session(uv_groups=["bench"], uv_extras=["emulator"])
def bench_submit(s: nox.Session) -> None:
    """Slots put to use, requests below the vendor's rate, and answers lost beside peers; takes some minutes."""
    _install(s, *PEERS)
    s.run("python", "-m", "benchmarks.submit_simulation")
    s.run("python", "benchmarks/rate_simulation.py")
    s.run("python", "benchmarks/lost_answers.py", *s.posargs)


@session(uv_groups=["bench", "tests"], uv_all_extras=True)
def bench_batch(s: nox.Session) -> None:
    """Print what a batch costs beside the same tasks without a journal, in CPU and memory."""
    for name in s.posargs or ("batch", "batch_memory", "batch_manifest", "gallery"):
        s.run("python", "-m", f"benchmarks.{name}")


@session(uv_groups=["bench", "tests"], uv_all_extras=True)
def bench_callbacks(s: nox.Session) -> None:
    """Tasks with callbacks beside tasks without, the receiver beside an empty route, and a storm of forgeries."""
    for name in s.posargs or ("callbacks", "receiver", "callback_storm"):
        s.run("python", "-m", f"benchmarks.{name}")


def _install(s: nox.Session, *peers: str) -> None:
    """Install what is measured beside us, in the versions whose figures are in the docs."""
    s.run_install("uv", "pip", "install", "--quiet", *(PEERS[name] for name in peers))
