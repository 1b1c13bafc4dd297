"""The number of threads: asked for in the environment, else one a processor."""

import os

import pytest

from hwsim.array.threads import threads
from hwsim.errors import ConfigError


@pytest.mark.parametrize(("asked", "found"), [("1", 1), ("2", 2), ("07", 7), ("", os.cpu_count())])
def test_threads_are_those_asked_for(asked, found, monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", asked)
    assert threads() == found


@pytest.mark.parametrize("asked", ["0", "-1", "two", "1.5", " 2", "²"])
def test_threads_refuse_what_is_no_positive_number(asked, monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", asked)
    with pytest.raises(ConfigError) as failure:
        threads()
    assert str(failure.value) == f"environment: HWSIM_THREADS = {asked}: must be a positive number"
