"""The one border through which untrusted OpenQASM 2 and QPY become Qiskit circuits."""
