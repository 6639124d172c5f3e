"""Noise-free simulators, one file each, and what they share: lowering, observables, sampling, the choice."""
