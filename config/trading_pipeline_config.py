"""The default configuration in its published shape, derived from the typed settings."""

from cryptopilot.runtime.settings import Settings
from cryptopilot.runtime.shapes.pipeline import PipelineConfig
from cryptopilot.runtime.status import pipeline_config

DEFAULT_PIPELINE_CONFIG: PipelineConfig = pipeline_config(Settings.model_construct())
