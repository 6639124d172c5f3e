"""Q-Dreamer's heart: what cutting a circuit costs, measured on this machine, and whether it pays."""
