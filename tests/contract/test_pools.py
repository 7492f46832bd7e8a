"""What every pool must do: the same tasks, the same results; one bad task stops no other."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cryptopilot.adapters.pools.cluster import Address, Cluster
from cryptopilot.adapters.pools.here import Here
from cryptopilot.adapters.pools.processes import Processes
from cryptopilot.domain.errors import InvalidValueError, PoolUnavailableError
from cryptopilot.ports.pool import Done, Failed, Pool
from tests.fakes.chores import BROKEN, DEADLY, ODD, code, code_of_this_process, dies_once, hears, root, who
from tests.fakes.cluster import a_cluster, papers


@pytest.fixture(scope="module")
def tcp_cluster() -> Iterator[Address]:
    with a_cluster() as address:
        yield address


@pytest.fixture(scope="module")
def tls_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with a_cluster(papers(tmp_path_factory.mktemp("papers"))) as address:
        yield address


@pytest.fixture(scope="module", params=["here", "processes", "tcp_cluster", "tls_cluster"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "here":
        yield Here()
    elif request.param == "processes":
        with Processes(2) as processes:
            yield processes
    else:
        with Cluster(request.getfixturevalue(request.param), code) as cluster:
            yield cluster


mortal = pytest.mark.parametrize("pool", ["processes", "tcp_cluster", "tls_cluster"], indirect=True, scope="module")
"""Pools whose workers may die without taking the test along."""


def test_every_task_has_its_result_whatever_the_pool(pool: Pool) -> None:
    outcomes = sorted(pool.map(root, range(40)), key=lambda outcome: outcome.task)
    assert outcomes == [Done(n, math.sqrt(n)) for n in range(40)]


def test_a_task_that_fails_is_named_with_its_error_and_the_others_go_on(pool: Pool) -> None:
    outcomes = {outcome.task: outcome for outcome in pool.map(root, [4, BROKEN, 9, ODD])}
    assert outcomes == {
        4: Done(4, 2.0),
        9: Done(9, 3.0),
        BROKEN: Failed(BROKEN, "number is -1; allowed: 0 or more"),
        ODD: Failed(ODD, "ZeroDivisionError: several lines"),
    }


def test_a_task_is_drawn_when_there_is_a_worker_for_it_and_not_before(pool: Pool) -> None:
    drawn: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(20):
            drawn.append(number)
            yield number

    finished = 0
    for _ in pool.map(root, tasks()):
        assert len(drawn) <= finished + pool.workers
        finished += 1
    assert finished == len(drawn) == 20


def test_a_pool_that_was_left_in_the_middle_does_the_next_tasks(pool: Pool) -> None:
    with closing(pool.map(root, range(40))) as outcomes:  # type: ignore[type-var]
        next(outcomes)
    assert sorted(outcome.task for outcome in pool.map(root, range(5))) == [0, 1, 2, 3, 4]


@mortal
def test_a_worker_that_dies_has_its_task_tried_again(pool: Pool, tmp_path: Path) -> None:
    assert list(pool.map(dies_once, [tmp_path / "mark"])) == [Done(tmp_path / "mark", "second")]


@mortal
def test_a_task_that_two_workers_died_of_fails_by_name_and_the_others_are_done(pool: Pool) -> None:
    outcomes = {outcome.task: outcome for outcome in pool.map(root, [1, DEADLY, 4, 9, 16])}
    failed = outcomes.pop(DEADLY)
    assert outcomes == {n: Done(n, math.sqrt(n)) for n in (1, 4, 9, 16)}
    assert isinstance(failed, Failed)
    assert failed.died


def test_a_dead_process_is_named_with_its_exit_code() -> None:
    with Processes(1) as pool:
        assert list(pool.map(root, [DEADLY])) == [
            Failed(DEADLY, "its worker died twice, the last time with exit code 7", died=True)
        ]


def test_two_workers_are_two_processes_that_stay_for_the_next_tasks() -> None:
    with Processes(2) as pool:
        first = {outcome.result for outcome in pool.map(who, range(8)) if isinstance(outcome, Done)}
        second = {outcome.result for outcome in pool.map(who, range(8)) if isinstance(outcome, Done)}
    assert len(first) == 2
    assert first == second


def test_ctrl_c_is_for_who_asked_not_for_the_workers() -> None:
    with Processes(2) as pool:
        blocked = {outcome.result for outcome in pool.map(hears, range(8)) if isinstance(outcome, Done)}
    assert blocked == {False}


def test_a_function_with_arguments_of_its_own_is_a_function_too(pool: Pool) -> None:
    assert list(pool.map(partial(pow, 2), [10])) == [Done(10, 1024)]


@pytest.mark.parametrize("workers", [0, -3])
def test_no_workers_at_all_are_refused(workers: int) -> None:
    with pytest.raises(InvalidValueError, match=f"workers is {workers}; allowed: 1 or more"):
        Processes(workers)


def test_a_cluster_whose_workers_run_other_code_is_refused(tcp_cluster: Address) -> None:
    with pytest.raises(InvalidValueError, match=r"code of worker tcp://127\.0\.0\.1:\d+ is .*; allowed: that of this"):
        Cluster(tcp_cluster, code_of_this_process)


def test_a_cluster_takes_nobody_whom_its_authority_has_not_signed(tls_cluster: Address, tmp_path: Path) -> None:
    with pytest.raises(PoolUnavailableError, match="no scheduler answers at tls://"):
        Cluster(Address(tls_cluster.url, *papers(tmp_path, "theirs")), code)


def test_a_cluster_that_is_not_there_is_named() -> None:
    with pytest.raises(PoolUnavailableError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        Cluster(Address("tcp://127.0.0.1:9"), code, patience_s=0.5)


@pytest.mark.parametrize("url", ["tcp://10.0.0.1:8786", "tcp://scheduler.example:8786", "tcp://0.0.0.0:8786"])
def test_another_machine_is_asked_over_tls_alone(url: str) -> None:
    with pytest.raises(InvalidValueError, match="tcp:// for this machine alone"):
        Address(url)


@pytest.mark.parametrize("url", ["10.0.0.1:8786", "http://127.0.0.1:8786", "tcp://127.0.0.1", "tcp://127.0.0.1:x", ""])
def test_an_address_without_its_parts_is_refused(url: str) -> None:
    with pytest.raises(InvalidValueError, match=r"--dask is .*; allowed: tls://HOST:PORT, or tcp://127.0.0.1:PORT"):
        Address(url)


Files = Callable[[Path], tuple[Path | None, Path | None, Path | None]]


@pytest.mark.parametrize(
    ("missing", "files"),
    [
        ("--dask-ca", lambda pem: (None, pem, pem)),
        ("--dask-cert", lambda pem: (pem, None, pem)),
        ("--dask-key", lambda pem: (pem, pem, pem.parent / "absent.pem")),
    ],
)
def test_tls_needs_every_one_of_its_files(missing: str, files: Files, tmp_path: Path) -> None:
    pem = tmp_path / "some.pem"
    pem.touch()
    with pytest.raises(InvalidValueError, match=f"{missing} is .*; allowed: a PEM file, needed for tls://"):
        Address("tls://10.0.0.1:8786", *files(pem))


def test_files_of_tls_beside_a_plain_address_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match=r"--dask-key is .*; allowed: nothing with tcp://"):
        Address("tcp://127.0.0.1:8786", key=tmp_path / "key.pem")
