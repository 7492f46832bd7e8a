"""Who decides: the collector, the predictor, the strategy and the trader. None of them knows another."""
