"""Functions that run on the workers of pilots, and their futures."""
