"""Environments of functions: lock files that become virtual environments, and images."""
