"""What a run of the paper's campaign says about the paper's claims, each verdict from numbers and intervals."""
