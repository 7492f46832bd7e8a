"""What the store of jobs promises: SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from cryptopilot.adapters.storage.jobs import StoredJobs
from cryptopilot.adapters.storage.schema import backtests
from cryptopilot.domain.job import Job, JobState
from tests.contract.test_journal import fresh
from tests.fakes.access import NOW

JOB = Job("j1", "u1", NOW, {"strategy": "trend", "symbols": ["BTC/USDT"], "fee": "0.001"}, '{"exchange":"BINANCE"}')


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'x.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = fresh(url)
    yield made
    made.dispose()


def test_jobs_come_back_as_they_were_kept_oldest_first(engine: Engine) -> None:
    stored = StoredJobs(engine)
    done = replace(
        JOB, id="j2", asked_at=NOW - 1, state=JobState.DONE, begun_at=NOW, ended_at=NOW + 5, progress=1.0,
        figures={"trades": 3, "win_rate": None},
    )  # fmt: skip
    failed = replace(JOB, id="j0", user_id="u2", state=JobState.FAILED, problem="no candle")
    for job in (JOB, done, failed):
        stored.keep(job)
    assert stored.all() == [done, failed, JOB]


def test_a_job_kept_again_takes_its_own_place(engine: Engine) -> None:
    stored = StoredJobs(engine)
    stored.keep(JOB)
    stored.keep(replace(JOB, state=JobState.RUNNING, begun_at=NOW + 1))
    assert [(job.state, job.begun_at) for job in stored.all()] == [(JobState.RUNNING, NOW + 1)]


def test_how_far_it_is_is_not_kept(engine: Engine) -> None:
    stored = StoredJobs(engine)
    stored.keep(replace(JOB, state=JobState.RUNNING, doing="reading", progress=0.3))
    assert [(job.doing, job.progress) for job in stored.all()] == [("", 0.0)]


def test_a_job_that_was_removed_is_gone_and_the_others_stay(engine: Engine) -> None:
    stored = StoredJobs(engine)
    stored.keep(JOB)
    stored.keep(replace(JOB, id="j2"))
    stored.remove("j1")
    stored.remove("nobody")
    assert [job.id for job in stored.all()] == ["j2"]


def test_the_migrated_table_is_the_declared_one(engine: Engine) -> None:
    there = {c["name"]: (str(c["type"]), c["nullable"]) for c in inspect(engine).get_columns("backtests")}
    assert there == {c.name: (str(c.type), c.nullable) for c in backtests.columns}
    assert [i["name"] for i in inspect(engine).get_indexes("backtests")] == ["backtests_of_user"]
