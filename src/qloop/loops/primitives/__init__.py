"""Qiskit's primitives, carried out in a session."""
