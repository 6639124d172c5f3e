"""The comparison of EFaaS with its baselines: the sweep, its statistics, figures, and what follows from them."""
