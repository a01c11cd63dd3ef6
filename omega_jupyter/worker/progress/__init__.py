"""How far a fit is: what can be known of it while it runs, without changing it."""
