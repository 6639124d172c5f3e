"""The figures of the paper drawn from a run of its campaign, and from its measurements, reference values beside."""
