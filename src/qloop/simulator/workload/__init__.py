"""What arrives at a simulated platform: arrival processes, distributions, and the sessions drawn from them."""
