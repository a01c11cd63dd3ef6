"""Tables from files of other programs, and to such files."""
