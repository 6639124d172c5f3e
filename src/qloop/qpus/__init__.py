"""The qpus room."""
