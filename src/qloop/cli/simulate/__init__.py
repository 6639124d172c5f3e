"""`qloop simulate`: the platform simulator from the command line."""
