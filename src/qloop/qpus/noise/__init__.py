"""Noise beyond the surrogate: gate by gate, on the qubits that a circuit uses."""
