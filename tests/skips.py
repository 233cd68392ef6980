"""A pytest plugin for CI: a skipped test turns the run red, and the summary lists what was skipped and why.

On a developer's machine a test may skip what the machine lacks. On the machine that decides, a skip hides a hole.
Expected failures (xfail) are not skips.
"""

from collections.abc import Mapping

import pytest


def forbidden(environ: Mapping[str, str]) -> bool:
    """Does this environment forbid skips? CI=true does, as CI services set it; CI=false and CI= do not."""
    return environ.get("CI", "").lower() not in ("", "0", "false", "no")


class SkipsAreFailures:
    """Remembers each skip of tests and of whole modules, and fails the session that had any."""

    def __init__(self) -> None:
        self.skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped[report.nodeid] = _reason(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped[report.nodeid] = _reason(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped:
            terminalreporter.section("CI is set: a skipped test is a failure", red=True)
            for name, reason in sorted(self.skipped.items()):
                terminalreporter.write_line(f"{name}: {reason}")


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return str(report.longrepr)
