"""The verbs that magic and CLI share."""
