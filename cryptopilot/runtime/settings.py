"""Settings from the environment: each is validated at start, and a bad one stops the start by name."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cryptopilot.domain.errors import SettingsError
from cryptopilot.domain.limits import RiskLimits
from cryptopilot.domain.mandate import Mandate
from cryptopilot.domain.prediction import Geometry
from cryptopilot.domain.timeframe import ALLOWED

PROJECT = Path(__file__).resolve().parents[2]


def default_home() -> Path:
    """``.cryptopilot/`` at the project's root in a checkout, else the user's data folder."""
    if (PROJECT / "pyproject.toml").is_file():
        return PROJECT / ".cryptopilot"
    return Path.home() / ".local" / "share" / "cryptopilot"


def split_symbols(value: object) -> object:
    """Symbols from ``BTC/USDT,ETH/USDT``; anything but a text is left to the validator."""
    if isinstance(value, str):
        return tuple(s.strip().upper() for s in value.split(",") if s.strip())
    return value


def split_words(value: object) -> object:
    """Words from a text with commas; anything but a text is left to the validator."""
    return tuple(w.strip() for w in value.split(",") if w.strip()) if isinstance(value, str) else value


def canonical_object(text: str) -> str:
    """A JSON object, written so that equal ones are equal texts.

    Raises:
        ValueError: the text is none.
    """
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return json.dumps(found, sort_keys=True)


class Settings(BaseSettings):
    """Everything the environment can say. Ratios are fractions, intervals seconds of market time."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    data_collection_interval: int = Field(60, ge=1, le=86_400, alias="PIPELINE_DATA_COLLECTION_INTERVAL")
    prediction_interval: int = Field(300, ge=1, le=86_400, alias="PIPELINE_PREDICTION_INTERVAL")
    signal_generation_interval: int = Field(300, ge=1, le=86_400, alias="PIPELINE_SIGNAL_INTERVAL")
    trade_execution_interval: int = Field(60, ge=1, le=86_400, alias="PIPELINE_TRADE_INTERVAL")
    max_concurrent_trades: int = Field(5, ge=1, le=100, alias="PIPELINE_MAX_CONCURRENT_TRADES")
    min_confidence_threshold: float = Field(0.7, ge=0, le=1, alias="PIPELINE_MIN_CONFIDENCE")
    max_position_size: float = Field(0.1, ge=0.001, le=1, alias="PIPELINE_MAX_POSITION_SIZE")
    max_daily_loss: float = Field(0.05, ge=0.001, le=0.5, alias="PIPELINE_MAX_DAILY_LOSS")
    max_drawdown: float = Field(0.15, ge=0.01, le=0.9, alias="PIPELINE_MAX_DRAWDOWN")
    max_correlation: float = Field(0.7, ge=0, le=1, alias="PIPELINE_MAX_CORRELATION")
    stop_loss_percentage: float = Field(0.02, ge=0.001, le=0.5, alias="PIPELINE_STOP_LOSS")
    take_profit_percentage: float = Field(0.04, ge=0.001, le=5, alias="PIPELINE_TAKE_PROFIT")
    paper_trading: bool = Field(True, alias="PIPELINE_PAPER_TRADING")
    market: str = Field("sandbox", pattern=r"^(sandbox|replay:.+)$", alias="PIPELINE_MARKET")
    symbols: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_symbols)] = Field((), alias="PIPELINE_SYMBOLS")
    timeframe: str | None = Field(None, pattern=f"^({'|'.join(ALLOWED)})$", alias="PIPELINE_TIMEFRAME")
    seed: int | None = Field(None, ge=0, le=2**31 - 1, alias="PIPELINE_SEED")
    speed: str = Field("60", pattern=r"^(max|\d+(\.\d+)?)$", alias="PIPELINE_SPEED")
    database_url: str | None = Field(None, min_length=1, alias="DATABASE_URL")
    redis_url: str | None = Field(None, min_length=1, alias="REDIS_URL")
    jwt_secret_key: str | None = Field(None, min_length=32, repr=False, alias="JWT_SECRET_KEY")
    host: str = Field("127.0.0.1", min_length=1, alias="HOST")
    port: int = Field(5000, ge=0, le=65_535, alias="PORT")
    hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_words)] = Field((), alias="CRYPTOPILOT_HOSTS")
    allow_remote: bool = Field(False, alias="CRYPTOPILOT_ALLOW_REMOTE")
    container: bool = Field(False, alias="CRYPTOPILOT_CONTAINER")
    tls_certificate: Path | None = Field(None, alias="CRYPTOPILOT_TLS_CERTIFICATE")
    tls_key: Path | None = Field(None, alias="CRYPTOPILOT_TLS_KEY")
    trusted_proxy: str | None = Field(None, min_length=1, alias="CRYPTOPILOT_TRUSTED_PROXY")
    home: Path = Field(default_factory=default_home, alias="CRYPTOPILOT_HOME")
    warm_kernels: bool = Field(True, alias="CRYPTOPILOT_WARM_KERNELS")
    log_format: str = Field("console", pattern="^(console|json)$", alias="PIPELINE_LOG_FORMAT")
    min_order: Decimal = Field(Decimal(10), ge=0, le=1_000_000, alias="PIPELINE_MIN_ORDER")
    max_order: Decimal = Field(Decimal(1000), ge=1, le=10_000_000, alias="PIPELINE_MAX_ORDER")
    cooldown: int = Field(3600, ge=0, le=604_800, alias="PIPELINE_COOLDOWN")
    whitelist: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(split_symbols)] = Field(
        None, alias="PIPELINE_WHITELIST"
    )
    strategy: str = Field("ensemble", min_length=1, max_length=1000, alias="PIPELINE_STRATEGY")
    strategy_parameters: Annotated[str, AfterValidator(canonical_object)] = Field(
        "{}", alias="PIPELINE_STRATEGY_PARAMETERS"
    )
    capital: Decimal = Field(Decimal(10_000), gt=0, le=10_000_000, alias="PIPELINE_CAPITAL")

    def mandate(self) -> Mandate:
        """What the default wallet is asked to do."""
        return Mandate(
            RiskLimits(
                min_confidence=self.min_confidence_threshold,
                max_daily_loss=self.max_daily_loss,
                max_drawdown=self.max_drawdown,
                max_concurrent=self.max_concurrent_trades,
                max_position=self.max_position_size,
                max_correlation=self.max_correlation,
                min_order=self.min_order,
                max_order=self.max_order,
                cooldown_ms=self.cooldown * 1000,
                whitelist=None if self.whitelist is None else frozenset(self.whitelist),
                max_signal_age_ms=self.trade_execution_interval * 1000,
            ),
            Geometry(self.take_profit_percentage, self.stop_loss_percentage),
            strategy=self.strategy,
            parameters=self.strategy_parameters,
        )

    def has_database(self) -> bool:
        """Whether there is one to look at: a server's, or the home's file; the first start makes the latter."""
        return self.database_url is not None or (self.home / "cryptopilot.db").exists()

    def url(self) -> str:
        """Where the database is: DATABASE_URL, else a file in the home."""
        return self.database_url or f"sqlite:///{self.home / 'cryptopilot.db'}"


def load_settings(**overrides: Any) -> Settings:
    """The settings of this process: *overrides* (by environment name), else the environment, else defaults.

    Raises:
        SettingsError: names each bad one, its value and what is allowed.
    """
    strange = sorted(n for n in os.environ if n.startswith("PIPELINE_") and n not in _NAMES)
    if strange:
        raise SettingsError([f"{name} is no setting; allowed: {', '.join(sorted(_NAMES))}" for name in strange])
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError([_problem(e) for e in error.errors()]) from error


def environment_of_workers() -> dict[str, str]:
    """The environment of this process without anything that is a setting: workers are told theirs, and no secret."""
    ours = {str(field.alias) for field in Settings.model_fields.values()}
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ours and not name.startswith(("PIPELINE_", "CRYPTOPILOT_"))
    }


def _problem(error: Any) -> str:
    name = ".".join(str(part) for part in error["loc"])
    shown = "***" if "SECRET" in name else repr(error.get("input"))
    return f"{name} is {shown}; allowed: {allowed(name) or error['msg']}"


_NAMES = {str(f.alias) for f in Settings.model_fields.values() if str(f.alias).startswith("PIPELINE_")}

_WORDS = {
    "PIPELINE_MARKET": "sandbox, or replay:DIR",
    "PIPELINE_TIMEFRAME": ", ".join(ALLOWED),
    "PIPELINE_SPEED": "a number above 0, or max",
    "PIPELINE_LOG_FORMAT": "console, or json",
    "PIPELINE_WHITELIST": "pairs such as BTC/USDT, separated by commas; unset for all",
    "PIPELINE_SYMBOLS": "pairs such as BTC/USDT, separated by commas",
    "PIPELINE_STRATEGY": "a strategy's name, or PATH.py, or PATH.py:CLASS",
    "PIPELINE_STRATEGY_PARAMETERS": "a JSON object of its parameters",
}
"""What a text may be, where a pattern would say it to programmers only."""


def allowed(name: str) -> str:
    """What the setting of that environment name takes, from its own constraints."""
    field = next((f for f in Settings.model_fields.values() if f.alias == name), None)
    if field is None:
        return ""
    bounds = {k: getattr(m, k) for m in field.metadata for k in ("ge", "gt", "le", "min_length") if hasattr(m, k)}
    bounds = {k: v for k, v in bounds.items() if v is not None}
    if name in _WORDS:
        return _WORDS[name]
    if "min_length" in bounds:
        return f"at least {bounds['min_length']} characters"
    low = bounds.get("ge", bounds.get("gt"))
    if low is None:
        return "true or false" if field.annotation is bool else ""
    kind = "a whole number" if field.annotation is int else "a number"
    return f"{kind} {'above' if 'gt' in bounds else 'from'} {low} to {bounds.get('le')}"
