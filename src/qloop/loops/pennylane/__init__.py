"""A PennyLane device whose circuits run in a session."""
