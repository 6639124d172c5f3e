"""Replaying recorded runs: any trace is a workload, under the recorded policy or any other."""
