"""What runs of a scenario say: measures with units, intervals, comparisons, warm-up, figures."""
