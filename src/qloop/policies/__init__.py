"""Decisions as plain functions over caller-owned rows: one source, called live and compiled by the simulator."""
