"""Threads: as many as the environment asks for, else one a processor; every part of work once."""

import multiprocessing
import os
import threading
from functools import partial

import pytest

from hwsim.array.threads import ahead, shares, side_by_side, threads
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


@pytest.mark.parametrize("least", [1, 3])
@pytest.mark.parametrize("hands", [1, 2, 3, 64])
@pytest.mark.parametrize("number", [0, 1, 3, 4, 25, 1000])
def test_shares_hold_every_piece_once(number, hands, least):
    parts = shares(number, hands, least)
    assert [piece for part in parts for piece in range(*part)] == list(range(number))
    assert all(start < stop for start, stop in parts)
    sizes = [stop - start for start, stop in parts]
    assert sizes[:-1] == sorted(sizes[:-1], reverse=True)
    assert all(size >= least for size in sizes[:-1])
    assert len(parts) <= (1 if hands == 1 else number)
    assert max(sizes, default=0) <= (number if hands == 1 else max(number // hands, least))


@pytest.mark.parametrize("hands", [1, 2, 5])
@pytest.mark.parametrize("tasks", [0, 1, 2, 40])
def test_every_task_is_done_once_by_hands_of_different_numbers(tasks, hands):
    done = []
    side_by_side([partial(lambda i, number: done.append((i, number)), i) for i in range(tasks)],
                 hands)  # fmt: skip
    assert sorted(i for i, _ in done) == list(range(tasks))
    assert {number for _, number in done} <= set(range(hands))


def test_two_hands_work_at_the_same_time_call_after_call():
    """Each waits for the other: one alone would wait for ever."""
    for _ in range(3):
        meeting = threading.Barrier(2)
        met = []

        def meet(number, meeting=meeting, met=met):
            meeting.wait(20)
            met.append(number)

        side_by_side([meet, meet], 2)
        assert sorted(met) == [0, 1]


def test_what_a_task_raises_is_raised_when_the_others_rest():
    done = []

    def fail(number):
        raise ValueError(number)

    for hands in (1, 2):
        with pytest.raises(ValueError, match=r"[01]"):
            side_by_side([fail, *[done.append] * 6], hands)
    side_by_side([done.append] * 2, 2)


def test_a_task_ahead_is_done_beside_this_thread(monkeypatch):
    monkeypatch.setenv("HWSIM_THREADS", "2")
    meeting = threading.Barrier(2)
    begun = ahead(lambda: (meeting.wait(20), threading.get_ident()))
    meeting.wait(20)
    assert begun()[1] != threading.get_ident()


@pytest.mark.parametrize("number", ["1", "2"])
def test_a_task_ahead_that_nobody_has_begun_is_done_here(number, monkeypatch):
    """In order, and also where all other threads wait for this one."""
    monkeypatch.setenv("HWSIM_THREADS", number)
    free, busy = threading.Event(), threading.Event()
    first = ahead(lambda: (busy.set(), free.wait(20)))
    assert number == "1" or busy.wait(20)
    assert ahead(threading.get_ident)() == threading.get_ident()
    free.set()
    assert first() == (None, True)


def test_what_a_task_ahead_raises_is_raised_where_it_is_asked_for(monkeypatch):
    def fail():
        raise ValueError("ahead")

    for number in ("1", "2"):
        monkeypatch.setenv("HWSIM_THREADS", number)
        begun = ahead(fail)
        with pytest.raises(ValueError, match="ahead"):
            begun()


def meeting_in_a_fork(inbox):
    meeting = threading.Barrier(2)
    side_by_side([lambda _: meeting.wait(20)] * 2, 2)
    inbox.put("met")


def test_a_forked_process_has_threads_of_its_own():
    """Those of its parent are not there: it would wait for them for ever."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    test_two_hands_work_at_the_same_time_call_after_call()
    context = multiprocessing.get_context("fork")
    inbox = context.SimpleQueue()
    child = context.Process(target=meeting_in_a_fork, args=(inbox,), daemon=True)
    child.start()
    child.join(60)
    code = child.exitcode
    child.kill()
    assert code == 0
    assert inbox.get() == "met"
