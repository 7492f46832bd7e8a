"""Numbers on whole arrays: labels, calibration, statistics, metrics, quality. No indicator, no rule."""
