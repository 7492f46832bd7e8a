"""The command line, in this process and as people start it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from cryptopilot.adapters.storage.database import connect
from cryptopilot.cli.main import app
from cryptopilot.domain.timeframe import HOUR, iso
from cryptopilot.ports.candles import HISTORY
from cryptopilot.quant.quality import Columns
from tests.conftest import ROOT
from tests.unit.series import START, bars, write_parquet

RUNNER = CliRunner()


def run(*arguments: str) -> Any:
    return RUNNER.invoke(app, list(arguments))


def cryptopilot(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from cryptopilot.cli.main import run; run()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env={**os.environ, **environment}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def traded(market_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home in which ten recorded days have been traded, and what serve said of them."""
    home = tmp_path_factory.mktemp("traded") / "home"
    done = cryptopilot(
        "serve", "--market", f"replay:{market_data}", "--from", "2022-01-01", "--to", "2022-01-10", "--speed", "max",
        "--port", "0", "--no-live", "--json", CRYPTOPILOT_HOME=str(home),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout)


@pytest.fixture
def home(traded: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRYPTOPILOT_HOME", str(traded[0]))
    return traded[0]


def test_serve_at_full_speed_ends_with_what_it_came_to(traded: tuple[Path, dict[str, Any]]) -> None:
    told = traded[1]
    assert told["instants"] == 241
    assert told["trades"]["closed"] > 0
    assert told["label"] == "REPLAY"


def test_explain_tells_the_last_trade_in_words_and_in_json(home: Path) -> None:
    words = run("explain")
    assert words.exit_code == 0
    for part in ("trade ", "fill ", "verdict ", "signal ", "prediction ", "features ", "candle "):
        assert part in words.stdout
    told = json.loads(run("explain", "--json").stdout)
    again = json.loads(run("explain", told["trade"]["trade_id"], "--json").stdout)
    assert again == told
    by_time = json.loads(run("explain", f"{told['symbol']}@{told['instant']}", "--json").stdout)
    assert by_time == told


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        ("nonsense", "decision is 'nonsense'; allowed: the id of a trade, order or signal"),
        ("0" * 24, "decision is '000000000000000000000000'"),
        ("BTC/USDT@2022-13-01", "decision is '2022-13-01'; allowed: a date"),
        ("FOO/USDT@2022-01-05", "FOO/USDT@2022-01-05T00:00:00Z"),
    ],
)
def test_explain_says_what_it_takes_when_asked_for_what_is_not_there(home: Path, decision: str, message: str) -> None:
    answer = run("explain", decision)
    assert answer.exit_code == 2
    assert message in answer.stderr


def test_sessions_and_trades_are_listed_and_lead_to_explain(home: Path, traded: tuple[Path, dict[str, Any]]) -> None:
    listed = json.loads(run("sessions", "--json").stdout)
    assert [(s["session_id"], s["label"], s["trades"]) for s in listed] == [
        ("replay-1", "REPLAY", traded[1]["trades"]["closed"])
    ]
    trades = json.loads(run("trades", "--json").stdout)
    assert len(trades) == traded[1]["trades"]["closed"] + traded[1]["trades"]["open"]
    assert sum(float(t["pnl"]) for t in trades) == pytest.approx(float(traded[1]["money"]["realised_pnl"]))
    table = run("trades").stdout.splitlines()
    assert table[0].split()[:2] == ["trade_id", "symbol"]
    assert len(table) == len(trades) + 1
    assert run("explain", trades[0]["trade_id"]).exit_code == 0


def test_a_session_is_reproduced_under_its_own_mandates_whatever_the_settings_are_now(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPELINE_MIN_CONFIDENCE", "0.2")
    monkeypatch.setenv("PIPELINE_STOP_LOSS", "0.05")
    monkeypatch.setenv("PIPELINE_CAPITAL", "500")
    assert json.loads(run("reproduce", "--json").stdout)["difference"] is None


def test_imported_candles_can_be_replayed(market_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store"
    monkeypatch.setenv("CRYPTOPILOT_HOME", str(store))
    candles = market_data / "candles" / "BINANCE-BTC_USDT-1h.parquet"
    assert run("data", "import", str(candles)).exit_code == 0
    done = cryptopilot(
        "serve", "--market", f"replay:{store}", "--from", "2023-01-01", "--to", "2023-01-02", "--speed", "max",
        "--port", "0", "--no-live", "--json", CRYPTOPILOT_HOME=str(store),
    )  # fmt: skip
    assert json.loads(done.stdout)["symbols"] == ["BTC/USDT"], done.stderr


def test_a_replay_without_limits_replays_what_is_there_once_it_has_a_history_and_names_who_comes_late(
    tmp_path: Path,
) -> None:
    whole, young = bars(HISTORY + 40), bars(20)
    series = {"BTC_USDT": whole, "ETH_USDT": Columns(young.times + (HISTORY + 10) * HOUR, young.values)}
    for symbol, columns in series.items():
        write_parquet(tmp_path / "data" / "candles" / f"KRAKEN-{symbol}-1h.parquet", columns)
    done = cryptopilot(
        "serve", "--market", f"replay:{tmp_path / 'data'}", "--exchange", "KRAKEN", "--speed", "max", "--port", "0",
        "--no-live", "--json", CRYPTOPILOT_HOME=str(tmp_path / "home"),
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["instants"] == 41, done.stderr
    first, last = iso(START + HISTORY * HOUR), iso(START + (HISTORY + 40) * HOUR)
    assert f"replays {first} to {last}\n" in done.stderr
    joins = iso(START + (HISTORY + 10) * HOUR)
    assert f"without a whole history at first: ETH/USDT (candles from {joins})\n" in done.stderr


def test_a_start_that_is_refused_leaves_no_session_behind(market_data: Path, tmp_path: Path) -> None:
    home = tmp_path / "refused"
    for arguments in (("--from", "2022-02-01", "--to", "2022-01-01"), ("--from", "2031-01-01"), ("--speed", "0")):
        done = cryptopilot(
            "serve", "--market", f"replay:{market_data}", *arguments, "--port", "0", CRYPTOPILOT_HOME=str(home)
        )
        assert done.returncode == 2
    engine = connect(f"sqlite:///{home / 'cryptopilot.db'}")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM market_sessions")).scalar() == 0
    engine.dispose()


def test_reproduce_finds_the_same_records(home: Path) -> None:
    answer = run("reproduce", "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert told["difference"] is None
    assert told["records"] > 480


def test_reproduce_answers_no_when_the_market_is_not_the_one_that_was_recorded(
    home: Path, tmp_path: Path, market_data: Path
) -> None:
    other = tmp_path / "other"
    (other / "candles").mkdir(parents=True)
    engine = connect(f"sqlite:///{home / 'cryptopilot.db'}")
    with engine.begin() as connection:
        spec = connection.execute(text("SELECT spec FROM market_sessions")).scalar_one()
        changed = json.dumps(json.loads(spec) | {"symbols": json.loads(spec)["symbols"][:4]}, sort_keys=True)
        connection.execute(text("UPDATE market_sessions SET spec = :spec"), {"spec": changed})
    try:
        answer = run("reproduce")
        assert answer.exit_code == 1
        assert "then a difference" in answer.stdout
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE market_sessions SET spec = :spec"), {"spec": spec})
        engine.dispose()


def test_doctor_finds_a_sound_installation_well(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "0")
    answer = run("doctor", "--json")
    findings = {f["what"]: f for f in json.loads(answer.stdout)}
    assert answer.exit_code == 0, answer.stdout
    looked_at = {"settings", "home", "port", "database", "clock", "books of replay-1", "people", "audit", "trades"}
    assert looked_at <= set(findings)
    assert "chain whole, tables agree" in findings["books of replay-1"]["seen"]


@pytest.mark.parametrize(
    ("damage", "repair", "message"),
    [
        (
            "UPDATE journal SET at = at, body = CAST(replace(CAST(body AS TEXT), 'at', 'xt') AS BLOB) WHERE seq = 40",
            "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), 'xt', 'at') AS BLOB) WHERE seq = 40",
            "broken at sequence 40",
        ),
        ("UPDATE accounts SET cash = cash + 1", "UPDATE accounts SET cash = cash - 1", "the journal folds to"),
    ],
)
def test_doctor_names_what_is_wrong_with_the_books(home: Path, damage: str, repair: str, message: str) -> None:
    engine = connect(f"sqlite:///{home / 'cryptopilot.db'}")
    with engine.begin() as connection:
        connection.execute(text(damage))
    answer = run("doctor")
    with engine.begin() as connection:
        connection.execute(text(repair))
    engine.dispose()
    assert answer.exit_code == 1
    assert message in answer.stdout


def test_doctor_names_a_bad_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_TAKE_PROFIT", "lots")
    answer = run("doctor")
    assert answer.exit_code == 1
    assert "WRONG settings: PIPELINE_TAKE_PROFIT is 'lots'" in answer.stdout


def test_commands_on_an_empty_home_say_what_to_do() -> None:
    for command in (["explain"], ["reproduce"]):
        answer = run(*command)
        assert answer.exit_code == 2
        assert "has no database yet" in answer.stderr


def test_a_replay_of_what_is_not_recorded_says_what_there_is(market_data: Path) -> None:
    market = f"replay:{market_data}"
    unknown = run("serve", "--market", market, "--exchange", "MOONX", "--speed", "max", "--port", "0")
    assert unknown.exit_code == 2
    assert "no candles of MOONX at 1h; it has: BINANCE 15m" in unknown.stderr
    symbol = run("serve", "--market", market, "--symbols", "FOO/USDT", "--speed", "max", "--port", "0")
    assert "symbol 'FOO/USDT' is not in this market; it has: ADA/USDT" in symbol.stderr
    backwards = run(
        "serve", "--market", market, "--from", "2022-02-01", "--to", "2022-01-01", "--speed", "max", "--port", "0"
    )
    assert "to is '2022-01-02T00:00:00Z'; allowed: after from" in backwards.stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout == "cryptopilot 0.1.0\n"
