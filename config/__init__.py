"""Published names: the pipeline's configuration."""
