"""What to do next where something that is stored is damaged."""

__all__ = ["DAMAGE_HINT"]

DAMAGE_HINT = (
    "`%omega store check` lists all that is damaged; "
    "an earlier version, or an archive, may be sound"
)
