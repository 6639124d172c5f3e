"""The nouns: sessions, tasks, QPUs and workers, what can happen to them, and what may be asked of the world."""
