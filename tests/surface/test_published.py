"""The published names: pinned, so that what others wrote against them keeps working."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptopilot.runtime.settings import Settings
from tests.conftest import ROOT

CONFIG = {
    "data_collection_interval": 60,
    "prediction_interval": 300,
    "signal_generation_interval": 300,
    "trade_execution_interval": 60,
    "max_concurrent_trades": 5,
    "min_confidence_threshold": 0.7,
    "risk_management": {
        "max_position_size": 0.1,
        "max_daily_loss": 0.05,
        "stop_loss_percentage": 0.02,
        "take_profit_percentage": 0.04,
        "max_correlation": 0.7,
        "max_drawdown": 0.15,
    },
}
ENVIRONMENT = {
    "PIPELINE_DATA_COLLECTION_INTERVAL", "PIPELINE_PREDICTION_INTERVAL", "PIPELINE_SIGNAL_INTERVAL",
    "PIPELINE_TRADE_INTERVAL", "PIPELINE_MAX_CONCURRENT_TRADES", "PIPELINE_MIN_CONFIDENCE",
    "PIPELINE_MAX_POSITION_SIZE", "PIPELINE_MAX_DAILY_LOSS", "PIPELINE_STOP_LOSS", "PIPELINE_TAKE_PROFIT",
    "PIPELINE_PAPER_TRADING", "DATABASE_URL", "JWT_SECRET_KEY", "PIPELINE_MAX_CORRELATION", "PIPELINE_MARKET",
    "PIPELINE_SYMBOLS", "PIPELINE_TIMEFRAME", "PIPELINE_SPEED", "REDIS_URL", "HOST", "PORT", "CRYPTOPILOT_HOME",
}  # fmt: skip


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in a fresh interpreter at the project's root."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_the_default_configuration_has_its_published_shape_and_values() -> None:
    from config.trading_pipeline_config import DEFAULT_PIPELINE_CONFIG

    assert DEFAULT_PIPELINE_CONFIG == CONFIG


def test_every_published_environment_variable_is_a_setting() -> None:
    assert {str(f.alias) for f in Settings.model_fields.values()} >= ENVIRONMENT


def test_the_default_home_is_in_the_checkout_whatever_the_users_own_home_is(tmp_path: Path) -> None:
    code = "from cryptopilot.runtime.settings import load_settings; print(load_settings().home)"
    environment = {k: v for k, v in os.environ.items() if k != "CRYPTOPILOT_HOME"} | {"HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == str(ROOT / ".cryptopilot")


def test_only_published_names_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptopilot.runtime.settings import load_settings

    for name, field in Settings.model_fields.items():
        if name.upper() != field.alias:
            monkeypatch.setenv(name.upper(), "nonsense")
    assert load_settings().symbols == ()


def test_importing_the_published_names_opens_nothing(tmp_path: Path) -> None:
    code = (
        "import threading, os, sys\n"
        "from services.trading_pipeline_service import trading_pipeline_service as desk\n"
        "from config.trading_pipeline_config import DEFAULT_PIPELINE_CONFIG\n"
        "import app\n"
        "print(threading.active_count(), os.path.exists(os.environ['CRYPTOPILOT_HOME']), "
        "desk.get_pipeline_status()['is_running'], 'numba' in sys.modules, 'pyarrow' in sys.modules)"
    )
    done = python(code, CRYPTOPILOT_HOME=str(tmp_path / "never"))
    assert done.stdout.split() == ["1", "False", "False", "False", "False"], done.stderr


def test_the_desk_starts_forces_stages_clears_caches_and_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_SPEED", "1")
    from services.trading_pipeline_service import TradingPipelineService

    desk = TradingPipelineService()
    assert desk.stop_pipeline()["success"] is False
    assert desk.start_pipeline() == {"success": True, "message": "the pipeline is started"}
    try:
        assert desk.start_pipeline()["success"] is False
        assert desk.get_pipeline_status()["is_running"] is True
        forced = [
            desk._collect_market_data(),
            desk._generate_predictions(),
            desk._generate_trading_signals(),
            desk._execute_trades(),
        ]
        assert [f["stage"] for f in forced] == ["collector", "predictor", "strategy", "trader"]
        assert all(f["produced"] == 0 and f["skipped"] for f in forced)  # The history is handled; the next is to come.
        assert desk.clear_cache()["success"] is True
    finally:
        assert desk.stop_pipeline()["success"] is True
    assert desk.get_pipeline_status()["is_running"] is False


def test_the_logger_has_its_published_name() -> None:
    from cryptopilot.runtime.desk_log import NAME

    assert NAME == "trading_pipeline"


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, subprocess.Popen[str]]]:
    """``python app.py`` on a home of its own."""
    home, port = tmp_path_factory.mktemp("app") / "home", a_free_port()
    environment = {**os.environ, "CRYPTOPILOT_HOME": str(home), "PORT": str(port), "PIPELINE_SPEED": "600"}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                get(f"{address}/health/ready")
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.05)
        yield address, home, process
    finally:
        process.terminate()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def get(url: str, **headers: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # Loopback, http.
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), dict(error.headers)


def test_app_serves_health_and_says_what_it_is(server: tuple[str, Path, subprocess.Popen[str]]) -> None:
    address, _, _ = server
    assert get(f"{address}/health/live")[:2] == (200, {"status": "alive", "version": "0.1.0"})
    assert get(f"{address}/health/ready")[:2] == (200, {"ready": True, "problems": []})
    with urllib.request.urlopen(f"{address}/") as page:  # noqa: S310  # Loopback; the page, or how to build it.
        assert "CryptoPilot" in page.read().decode()
        assert page.headers["x-content-type-options"] == "nosniff"
    missing = get(f"{address}/nothing")
    assert (missing[0], missing[1]["code"]) == (404, "not_found")


def test_another_sites_page_cannot_reach_it_by_rebinding_dns(server: tuple[str, Path, subprocess.Popen[str]]) -> None:
    status, body, _ = get(f"{server[0]}/health/live", Host="evil.example")
    assert (status, body["code"]) == (421, "wrong_host")


def test_the_first_start_makes_secrets_that_only_their_owner_reads(
    server: tuple[str, Path, subprocess.Popen[str]],
) -> None:
    home = server[1]
    assert home.stat().st_mode & 0o777 == 0o700
    for name in ("secrets.json", "setup-code"):
        assert (home / name).stat().st_mode & 0o777 == 0o600
    assert len((home / "setup-code").read_text().strip()) == 16


def test_a_second_process_on_the_home_is_refused_with_the_first_ones_name(
    server: tuple[str, Path, subprocess.Popen[str]],
) -> None:
    _, home, process = server
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, "CRYPTOPILOT_HOME": str(home), "PORT": "0"},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"in use by app.py (process {process.pid}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_a_clear_error(server: tuple[str, Path, subprocess.Popen[str]], tmp_path: Path) -> None:
    port = server[0].rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, "CRYPTOPILOT_HOME": str(tmp_path / "h"), "PORT": port},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"PORT is {port}; allowed: a free port" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PIPELINE_STOP_LOSS", "7", "PIPELINE_STOP_LOSS is '7'; allowed: a number from 0.001 to 0.5"),
        ("PIPELINE_MAX_CONCURRENT_TRADES", "many", "PIPELINE_MAX_CONCURRENT_TRADES is 'many'; allowed: a whole number"),
        ("PIPELINE_MIN_CONFIDENCE", "nan", "PIPELINE_MIN_CONFIDENCE is 'nan'; allowed: a number from 0"),
        ("PIPELINE_PAPER_TRADING", "false", "live trading is not in this version"),
        ("PIPELINE_MARKET", "moon", "PIPELINE_MARKET is 'moon'; allowed"),
        ("PIPELINE_MARKET", "replay:/nowhere", "/nowhere: no such folder"),
        ("PIPELINE_SYMBOLS", "BTC/USDT,FOO/USDT", "symbol 'FOO/USDT' is not in this market; it has: ADA/USDT"),
        ("PIPELINE_TIMEFRAME", "7m", "PIPELINE_TIMEFRAME is '7m'; allowed"),
        ("PIPELINE_SPEED", "0", "speed is 0.0; allowed: above 0"),
        ("HOST", "0.0.0.0", "HOST is '0.0.0.0'; allowed: 127.0.0.1"),  # noqa: S104
        ("PORT", "70000", "PORT is '70000'; allowed: a whole number from 0 to 65535"),
        ("DATABASE_URL", "mysql://x/y", "allowed: sqlite:///PATH or postgresql://"),
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none", "does not answer"),
        (
            "JWT_SECRET_KEY",
            "your-secret-key-your-secret-key-your-secret",
            "JWT_SECRET_KEY is '***'; allowed: at least 32",
        ),
    ],
)
def test_a_bad_setting_stops_the_start_with_its_name_its_value_and_what_is_allowed(
    name: str, value: str, message: str, tmp_path: Path
) -> None:
    environment = {"CRYPTOPILOT_HOME": str(tmp_path / "home"), "PORT": "0", name: value}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
