"""The engine: what to do is decided here, in a place that can do nothing."""
