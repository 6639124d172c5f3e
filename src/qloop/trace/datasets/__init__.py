"""Data sets of measured sessions: their schema, files, and the distributions that fit them."""
