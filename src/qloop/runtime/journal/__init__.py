"""The journal: what a run may never lose, written before anything is acknowledged or delivered."""
