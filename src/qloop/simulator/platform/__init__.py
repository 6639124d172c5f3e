"""The extended platform model: its parameters, its compiled kernel, and what a run returns."""
