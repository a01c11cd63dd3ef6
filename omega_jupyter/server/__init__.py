"""The Jupyter Server extension behind the panel."""
