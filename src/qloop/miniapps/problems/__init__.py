"""The physics problems of the demo, the tests and the benchmarks; `registry` finds them by name."""
