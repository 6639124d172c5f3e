"""The model of the EFaaS authors with its five modes, and the table that it must give."""
