"""How the values of columns become bytes, a kind for each sort of dtype, and come back."""
