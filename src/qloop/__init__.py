"""qloop: a serverless runtime for hybrid quantum-classical loops."""

__version__ = "0.1.0"
