"""Shared fixtures: where the project and the shared goldens are, hypothesis profiles, and the
record of what was compared with what (conformance_table.py)."""

import os
from pathlib import Path

import conformance_table
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared goldens beside the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is absent: it holds goldens that are not part of the project")
    return SHARED


def pytest_addoption(parser):
    parser.addoption(
        "--update-conformance",
        action="store_true",
        help="write traces/conformance/counts.json and the README's table from the tests that run",
    )


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # xdist: reports come together in the controller
        config.pluginmanager.register(ConformanceCounts(config), "conformance_counts")


class ConformanceCounts:
    """With --update-conformance, gathers what tests recorded and writes it at the end."""

    def __init__(self, config):
        self.update = config.getoption("--update-conformance")
        self.recorded, self.collected = {}, {}

    def pytest_itemcollected(self, item):
        function, parameters = conformance_table.split(item.nodeid)
        self.collected.setdefault(function, set()).add(parameters)

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and (report.passed or hasattr(report, "wasxfail")):
            records = [value for key, value in report.user_properties if key == "conformance"]
            if records:
                self.recorded[report.nodeid] = records[-1]

    def pytest_sessionfinish(self, session):
        if self.update and self.recorded:
            whole = not any("[" in argument for argument in session.config.args)
            conformance_table.merge(ROOT, self.recorded, self.collected if whole else {})
            conformance_table.write_readme(ROOT)


@pytest.fixture
def record_conformance(request):
    """Say what was compared: a row of the README's table; call it before asserting.

    ``record(runtime=, version=, machine=, outputs=, differences=)``, any number of times.
    """
    records = []

    def record(*, runtime: str, version: str, machine: str, outputs: int, differences: int) -> None:
        row = {"runtime": runtime, "version": version, "machine": machine}
        row |= {"outputs": int(outputs), "differences": int(differences)}
        if not records:
            request.node.user_properties.append(("conformance", records))
        conformance_table.add(records, row)

    yield record
    if records and not request.config.getoption("--update-conformance"):
        function, parameters = conformance_table.split(request.node.nodeid)
        committed = conformance_table.read(ROOT).get(function, {}).get(parameters, [])
        message = f"recorded {records}, committed {committed}: run pytest --update-conformance"
        assert conformance_table.same(records, committed), message
