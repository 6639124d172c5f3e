"""Every metric of a run, each a pure function of its trace."""
