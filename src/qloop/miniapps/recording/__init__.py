"""The paper's experiment, run through qloop itself and recorded as a data set."""
