"""Circuit breakers: fail fast while a dependency is down, probe before trusting it again."""
