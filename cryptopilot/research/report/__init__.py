"""Reports of a backtest: plain text, one JSON document, one HTML file. Same runs, same manifest, same bytes."""

from cryptopilot.research.report.contents import document
from cryptopilot.research.report.lines import text
from cryptopilot.research.report.page import html

__all__ = ["document", "html", "text"]
