"""The parts that figures are drawn from."""
