"""Scenario files and campaigns: grids of scenarios, replications, their results on disk, and going on after a kill."""
