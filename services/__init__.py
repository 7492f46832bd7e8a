"""Published names: thin translations onto the runtime."""
