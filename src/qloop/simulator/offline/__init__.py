"""The offline problem of the paper's section II.B: arrivals and lengths known, solved exactly on small instances."""
