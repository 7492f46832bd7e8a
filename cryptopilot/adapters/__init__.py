"""The outside: one system, one module, one SDK. An adapter translates and holds no opinion."""
