"""Asking ahead: what an optimizer may ask next, and what its pending values may be."""
