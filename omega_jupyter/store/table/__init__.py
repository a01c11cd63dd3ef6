"""Tables: columns of pandas as row groups and blocks of chunks, and back."""
