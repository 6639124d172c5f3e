"""The main thing, `qloop demo`: many loops and background tasks on shared QPUs, the same under each policy."""
