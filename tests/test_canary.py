"""No test shows a secret, wherever one may look: this is asked last, of all that ran before."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest

from kling_async.emulator import ACCESS_KEY, SECRET_KEY
from tests.support.canary import Canary, CanaryPlugin, Finding, variants

ROOT = Path(__file__).parent.parent
LEAKS = {
    "print": ("printed", "print(SECRET_KEY)"),
    "log": ("logged", "logging.getLogger('kling_async.x').debug('hello', extra={'kling.x': SECRET_KEY})"),
    "log_error": (
        "raised",
        "try: raise KeyError(SECRET_KEY)\n    except KeyError: logging.getLogger('kling_async.x').exception('oh')",
    ),
    "warn": ("warned", "with pytest.warns(UserWarning):\n        warnings.warn(SECRET_KEY)"),
    "raise": ("raised", "with pytest.raises(ValueError):\n        raise ValueError(SECRET_KEY)"),
    "local": ("raised", "with pytest.raises(ValueError):\n        exec(compile(HOLDS, 'other.py', 'exec'))"),
    "pickle": ("pickled", "pickle.dumps({'a': SECRET_KEY})"),
    "store": ("stored", "(tmp_path / 'x.json').write_text(SECRET_KEY)"),
    "name": ("stored", "(tmp_path / SECRET_KEY).touch()"),
    "program": ("printed", "subprocess.run(['echo', SECRET_KEY], capture_output=True)"),
    "captured": ("printed", "print(SECRET_KEY)\n    capsys.readouterr()"),
    "own": ("printed", "Secret('of-this-test-alone-0123')\n    print('of-this-test-alone-0123')"),
}
FILE = """
import logging, pickle, subprocess, warnings
import pytest
from kling_async.emulator import SECRET_KEY
from kling_async.transport.auth import Secret
HOLDS = "key = __import__('kling_async.emulator').emulator.SECRET_KEY; raise ValueError"

def test_it(tmp_path, capsys):
    {leak}
"""


@pytest.mark.parametrize("form", ["plain", "base64", "urlsafe", "quoted", "jwt", "inside"])
def test_a_secret_is_found_in_whatever_form(form: str) -> None:
    """Alone or as a part of something."""
    secret, canary = "s3cret/with+signs=and more?", Canary({"it": variants("s3cret/with+signs=and more?")})
    forms = {
        "plain": secret,
        "base64": base64.b64encode(b"user:" + secret.encode()).decode(),
        "urlsafe": base64.urlsafe_b64encode(b"ab" + secret.encode() + b"c").decode(),
        "quoted": f"https://h/?key={quote(secret, safe='')}",
        "jwt": jwt.encode({"iss": secret}, "x" * 32),
        "inside": json.dumps({"a": [f"<{secret}>"]}),
    }

    canary.see("logged", forms[form])
    canary.over("a test")

    assert Finding("a test", "logged", "it") in canary.found


def test_what_is_no_secret_is_not_found() -> None:
    """Nor anything of a test before."""
    canary = Canary()
    canary.learn("of-another-test-0123456789")
    canary.over("one test")

    canary.see("logged", "of-another-test-0123456789", "eyJ is no token")
    canary.over("another test")

    assert [] == canary.found


@pytest.mark.shows_keys("so that the canary is seen to sing")
@pytest.mark.parametrize(("channel", "leak"), LEAKS.values(), ids=LEAKS.keys())
def test_the_canary_sings(channel: str, leak: str, tmp_path: Path) -> None:
    """A session with one leak is told to have it; one that is marked is not."""
    (tmp_path / "conftest.py").write_text(
        "from tests.support.canary import CanaryPlugin\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(CanaryPlugin(), 'canary')\n"
    )
    (tmp_path / "test_leak.py").write_text(FILE.format(leak=leak))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "test_leak.py"]

    run = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )

    assert f"CANARY test_leak.py::test_it: {channel}: " in run.stdout


@pytest.mark.last
def test_no_secret_was_seen(pytestconfig: pytest.Config) -> None:
    """In nothing that all tests before this one printed, logged, warned, raised, pickled or stored."""
    plugin = pytestconfig.pluginmanager.get_plugin("canary")

    assert isinstance(plugin, CanaryPlugin)
    assert [] == plugin.canary.found


def test_the_keys_that_are_looked_for_are_those_of_the_emulator() -> None:
    """Which most tests use."""
    assert {ACCESS_KEY, SECRET_KEY} <= {form for forms in Canary().standing.values() for form in forms}
