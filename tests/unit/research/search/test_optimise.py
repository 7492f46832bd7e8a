"""Optimising over a pool: reproducible, resumable, and every failure kept by name."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from optuna.storages import InMemoryStorage

from cryptopilot.adapters.pools.cluster import Cluster
from cryptopilot.adapters.pools.here import Here
from cryptopilot.adapters.pools.processes import Processes
from cryptopilot.adapters.storage.studies import open_studies
from cryptopilot.domain.errors import InvalidValueError, StudyTakenError
from cryptopilot.ports.parameters import Value
from cryptopilot.ports.pool import Pool
from cryptopilot.research.search.optimise import Found, Progress, found, optimise
from cryptopilot.research.search.study import Study
from tests.fakes.chores import code
from tests.fakes.cluster import ROOT, a_cluster
from tests.fakes.landscape import a_search, height, task_of, treacherous


@pytest.fixture(scope="module")
def pools() -> Iterator[list[Pool]]:
    with Processes(2) as processes, a_cluster() as address, Cluster(address, code) as cluster:
        yield [Here(), processes, cluster]


def a_study(objective: str = "sharpe") -> Study:
    return Study(InMemoryStorage(), "s", a_search(objective))


def test_the_summit_is_found_with_fewer_trials_than_there_are_places() -> None:
    best = optimise(a_study(), Here(), height, task_of, 60).front[0]
    assert best.statistics["sharpe"] > 2.7
    assert best.trial.values["kind"] == "ema"


@pytest.mark.parametrize("objective", ["sharpe", "sharpe,max_drawdown"])
def test_every_pool_finds_the_same_in_the_same_trials(pools: list[Pool], objective: str) -> None:
    here, processes, cluster = (optimise(a_study(objective), pool, height, task_of, 24) for pool in pools)
    assert len(here.ended) == 24
    assert plain(here) == plain(processes) == plain(cluster)


def test_failed_trials_are_kept_with_their_error_and_stop_nothing() -> None:
    with Processes(2) as pool:
        search = optimise(a_study(), pool, treacherous, task_of, 40)
    assert len(search.ended) == 40
    errors = {
        kind: [e for e in search.failed if found_in(kind, e.trial.values)] for kind in ("deadly", "empty", "unknown")
    }
    assert {e.error for e in errors["deadly"]} == {"its worker died twice, the last time with exit code 3"}
    assert {e.error for e in errors["empty"]} == {"ZeroDivisionError: no bars"}
    assert {e.error for e in errors["unknown"]} == {"sharpe is nan, which compares with nothing; the run is a failure"}
    assert sum(map(len, errors.values())) == len(search.failed)


def found_in(kind: str, values: Mapping[str, Value]) -> bool:
    """Whether `treacherous` treats such parameters so."""
    deadly, empty = int(values["fast"]) > 55, int(values["fast"]) < 8
    return {"deadly": deadly, "empty": empty, "unknown": not deadly and not empty and values["kind"] == "sma"}[kind]


def test_progress_tells_how_many_ended_failed_and_which_is_best() -> None:
    heard: list[Progress] = []
    study = a_study()
    optimise(study, Here(), height, task_of, 10, heard.append)
    assert [p.ended for p in heard] == list(range(11))
    assert {p.of for p in heard} == {10}
    assert heard[0].best is None
    assert heard[-1].best is not None
    assert heard[-1].best.trial == found(study).front[0].trial
    again: list[Progress] = []
    optimise(study, Here(), height, task_of, 10, again.append)
    assert [(p.ended, p.failed, p.best and p.best.trial) for p in again] == [(10, 0, heard[-1].best.trial)]


def test_the_number_of_trials_for_a_deflated_sharpe_counts_different_parameters_once() -> None:
    study = a_study()
    one, other, third = study.next_round(3)
    for trial, sharpe in ((one, 1.0), (other, 2.0), (third, 4.0)):
        study.tell(trial, {"sharpe": sharpe})
    search = found(study)
    assert search.different == 3
    assert search.sharpe_variance == pytest.approx(7 / 3)
    twice = Found(search.front, (*search.ended, search.ended[0]))
    assert (twice.different, twice.sharpe_variance) == (3, search.sharpe_variance)
    assert math.isnan(Found((), search.ended[:1]).sharpe_variance)


@pytest.mark.parametrize("stop_after", [1, 5, 11])
def test_ctrl_c_keeps_what_is_done_and_the_next_call_goes_on(stop_after: int) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.ended == stop_after:
            raise KeyboardInterrupt

    study = a_study()
    with pytest.raises(KeyboardInterrupt):
        optimise(study, Here(), height, task_of, 20, interrupt)
    assert len(found(study).ended) == stop_after
    assert plain(optimise(study, Here(), height, task_of, 20)) == plain(
        optimise(a_study(), Here(), height, task_of, 20)
    )


def test_a_killed_search_has_kept_its_finished_trials_and_ends_as_if_it_had_not_been_killed(tmp_path: Path) -> None:
    told = kill_a_search_after(9, tmp_path)
    with open_studies(f"sqlite:///{tmp_path / 'cryptopilot.db'}", "killed") as storage:
        study = Study(storage, "killed", a_search())
        assert told <= len(found(study).ended) < 24
        resumed = optimise(study, Here(), height, task_of, 24)
    assert plain(resumed) == plain(optimise(a_study(), Here(), height, task_of, 24))


def kill_a_search_after(trials: int, home: Path) -> int:
    """Kill a real process with its search in hand; how many trials it had told of."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.landscape", str(home), "24"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as search:
        assert search.stdout is not None
        told = next(int(line) for line in search.stdout if int(line) >= trials)
        os.kill(search.pid, signal.SIGKILL)
    return told


def test_a_study_is_worked_on_by_one_process_at_a_time(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cryptopilot.db'}"
    with (
        open_studies(url, "one"),
        open_studies(url, "other"),
        pytest.raises(StudyTakenError, match="study 'one' is being worked on by another process"),
        open_studies(url, "one"),
    ):
        pass
    with open_studies(url, "one"):
        pass


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "x" * 65, "a b"])
def test_a_study_is_not_called_by_a_path(name: str, tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidValueError, match=r"--study is .*; allowed: 1 to 64 letters"),
        open_studies(f"sqlite:///{tmp_path / 'cryptopilot.db'}", name),
    ):
        pass


def test_studies_stay_when_the_database_is_closed_and_beside_the_books(tmp_path: Path, postgres_url: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'cryptopilot.db'}", postgres_url):
        with open_studies(url, "kept") as storage:
            first = optimise(Study(storage, "kept", a_search()), Here(), height, task_of, 10)
        with open_studies(url, "kept") as storage:
            study = Study(storage, "kept", a_search())
            assert plain(found(study)) == plain(first)
            with pytest.raises(StudyTakenError), open_studies(url, "kept"):
                pass
    assert not (tmp_path / "cryptopilot.db").exists()
    assert_no_study_among_the_books(postgres_url)


def assert_no_study_among_the_books(url: str) -> None:
    """The books' own migrations run beside the studies, whose library keeps a table of the same name for its own."""
    from sqlalchemy import inspect

    from cryptopilot.adapters.storage.database import REVISION, open_database, revision

    engine = open_database(url)
    assert revision(engine) == REVISION
    tables = set(inspect(engine).get_table_names())
    assert "alembic_version" in tables
    assert "studies" not in tables
    engine.dispose()


def plain(search: Found) -> list[object]:
    """What a search has tried and got, so that it can be compared: NaN equals nothing, not even itself."""
    return [(e.trial, e.error, {n: repr(v) for n, v in e.statistics.items()}) for e in search.ended]
