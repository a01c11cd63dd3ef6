"""How facts, sizes and progress are said."""
