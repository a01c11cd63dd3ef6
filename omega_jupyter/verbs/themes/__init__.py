"""The verbs, theme by theme."""
