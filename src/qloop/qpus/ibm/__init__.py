"""IBM's QPUs: the service by `qiskit-ibm-runtime`, and its local testing mode."""
