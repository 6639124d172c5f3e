"""The miniapps room."""
