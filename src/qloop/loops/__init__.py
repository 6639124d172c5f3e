"""The loops room."""
