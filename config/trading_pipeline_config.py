"""The default configuration in its published shape, derived from the typed settings."""

from typing import Any

from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.status import pipeline_config

DEFAULT_PIPELINE_CONFIG: dict[str, Any] = pipeline_config(Settings.model_construct())
