"""The plugin that forbids skips, run on small suites of its own."""

from pathlib import Path

import pytest

from tests import skips

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
import pytest

def test_that_passes():
    pass

{more}
"""
SKIPPING = "def test_that_needs_a_broker():\n    pytest.skip('no mosquitto here')\n"
MODULE = "import pytest\npytest.skip('no Linux here', allow_module_level=True)\n"
XFAIL = "@pytest.mark.xfail(reason='known')\ndef test_known():\n    assert False\n"


def run(pytester: pytest.Pytester, *extra: str) -> pytest.RunResult:
    pytester.makeconftest(
        "from tests import skips\n"
        "def pytest_configure(config):\n"
        "    config.pluginmanager.register(skips.SkipsAreFailures(), 'skips-are-failures')\n"
    )
    pytester.makeini(f"[pytest]\npythonpath = {ROOT}\n")
    return pytester.runpytest_subprocess(*extra)


def test_a_skip_turns_the_run_red_and_is_named_with_its_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE.format(more=SKIPPING))

    result = run(pytester)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*a skipped test is a failure*", "*test_that_needs_a_broker: *no mosquitto here"])


def test_a_skip_in_a_worker_process_turns_the_run_red_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE.format(more=SKIPPING))

    result = run(pytester, "-n", "1")

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*test_that_needs_a_broker: *no mosquitto here"])


@pytest.mark.parametrize("workers", ["0", "1"])
def test_a_module_that_skips_itself_turns_the_run_red(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile(test_a=SUITE.format(more=""), test_b=MODULE)

    result = run(pytester, "-n", workers)

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["test_b.py: *no Linux here"])


def test_an_expected_failure_is_no_skip(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE.format(more=XFAIL))

    result = run(pytester)

    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*a skipped test is a failure*")


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False), ("0", False), (None, False)]
)
def test_skips_are_forbidden_where_ci_says_so(value: str | None, expected: bool) -> None:
    environ = {} if value is None else {"CI": value}

    assert skips.forbidden(environ) is expected
