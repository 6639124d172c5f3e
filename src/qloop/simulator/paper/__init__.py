"""The platform model of the paper: its parameters, its workload, a compiled kernel, and the reference results."""
