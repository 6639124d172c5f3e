"""How a twin's errors wander with time, when it is calibrated, and when it is away."""
