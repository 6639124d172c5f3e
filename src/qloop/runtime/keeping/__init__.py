"""The keeper: a process that holds a pilot for the programs of one user and shares it among them."""
