"""Buying from QPUs that others run: intent before effect, and never asked blindly twice."""
