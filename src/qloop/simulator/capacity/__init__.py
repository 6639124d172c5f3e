"""The capacity planner: the cheapest workers, speed and QPUs that meet stated goals."""
