"""Pilots that outlive the program: kept by a process of their own, found by name, shared by a user's programs."""
