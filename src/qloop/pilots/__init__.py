"""The pilots room."""
