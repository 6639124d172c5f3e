"""Ask/tell optimizers that can be forked, dumped and continued bit by bit."""
