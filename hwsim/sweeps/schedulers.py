"""Where points are computed: here, in processes of this machine, or on a Dask cluster.

Every scheduler gives back the same points, each with its number; the order in which they come
decides nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module
from typing import Any

from hwsim.array.threads import NAME as THREADS
from hwsim.errors import ConfigError, HwsimError, UnsupportedError
from hwsim.sweeps.results import Record
from hwsim.sweeps.work import Sweeper, Work

HERE, LOCAL = "here", "local"
TRIES = 5  # rounds in which no point was finished, before a cluster is given up
PATIENCE = 30  # seconds for a cluster to answer
_sweepers: dict[str, Sweeper] = {}  # of a worker process, by the digest of its work


def scheduled(
    work: Work, sweeper: Sweeper, numbers: Sequence[int], scheduler: str
) -> Iterator[tuple[int, Record]]:
    """Points by their numbers, as they are done.

    Parameters
    ----------
    work : Work
    sweeper : Sweeper
        Of this process.
    numbers : sequence of int
    scheduler : str
        ``here``, ``local`` (all cores), or the address of a Dask scheduler, ``tcp://...``.

    Raises
    ------
    ConfigError
        No such scheduler.
    UnsupportedError
        Dask is not installed.
    """
    check(scheduler)
    numbers = sweeper.in_order(numbers)
    if scheduler == HERE or not numbers:
        return sweeper.records(numbers)
    if scheduler == LOCAL:
        return _local(work, numbers, min(os.cpu_count() or 1, len(numbers)))
    return _cluster(work, numbers, scheduler)


def check(scheduler: str) -> None:
    """Refuse what is no scheduler.

    >>> check("local")
    """
    if scheduler not in (HERE, LOCAL) and "://" not in scheduler:
        must = "must be here, local, or an address of a Dask scheduler, like tcp://10.0.0.1:8786"
        raise ConfigError.at("--scheduler", "address", scheduler, must)


def _local(work: Work, numbers: list[int], processes: int) -> Iterator[tuple[int, Record]]:
    """Processes of their own, started afresh; neighbours, which share much, come to one process
    where that leaves none idle."""
    if processes == 1:
        yield from Sweeper(work).records(numbers)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin, (work,)) as pool:
        futures = {pool.submit(_point, number): number for number in numbers}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(work: Work) -> None:
    """A process of this machine takes up its work, alone on its processor, and ends with the one
    that started it."""
    os.environ[THREADS] = "1"
    threading.Thread(target=_follow, daemon=True).start()
    _sweepers[LOCAL] = Sweeper(work)


def _follow() -> None:
    """A sweep that is killed leaves no process behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _point(number: int) -> Record:
    return _sweepers[LOCAL].record(number)


def _cluster(work: Work, numbers: list[int], address: str) -> Iterator[tuple[int, Record]]:
    """A Dask cluster. What a worker that dies was computing is computed by another one."""
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        must = "must be the address of a running Dask scheduler"
        raise ConfigError.at("--scheduler", "address", address, must) from error
    with client:
        left, idle = list(numbers), 0
        while left:
            found = 0
            for number, record in _round(client, work, left):
                found += 1
                yield number, record
                left.remove(number)
            idle = 0 if found else idle + 1
            if idle == TRIES:
                must = f"must compute {len(left)} more points: its workers die"
                raise ConfigError.at("--scheduler", "cluster", address, must)


def _distributed() -> Any:
    """Dask's package, which is optional."""
    try:
        return import_module("distributed")
    except ImportError as error:
        must = "pip install 'hwsim[cluster]'"
        raise UnsupportedError.at("--scheduler", "distributed", "absent", must) from error


def _round(client: Any, work: Work, numbers: list[int]) -> Iterator[tuple[int, Record]]:
    """Every point once; what is lost with a worker and not tried again by Dask is left out."""
    digest = "-".join(value[:12] for value in work.digests.values())
    sent = client.scatter(work, broadcast=True, hash=False)
    futures = {
        client.submit(_point_on_cluster, sent, digest, number, pure=False, retries=2): number
        for number in list(numbers)
    }
    for future in _distributed().as_completed(futures):
        if future.status == "finished":
            yield futures[future], future.result()
            continue
        error = None if future.cancelled() else future.exception()
        if isinstance(error, HwsimError):
            raise error


def _point_on_cluster(work: Work, digest: str, number: int) -> Record:
    """A worker's task; its first one builds what all of them share."""
    if digest not in _sweepers:
        _sweepers.clear()
        _sweepers[digest] = Sweeper(work)
    return _sweepers[digest].record(number)
