"""What is kept, and how: names and versions, column blocks, one codec for each kind."""
