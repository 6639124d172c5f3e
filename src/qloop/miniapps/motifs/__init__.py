"""The execution motifs as mini-apps: real physics, an exact answer, times by phase; `registry` finds them by name."""
