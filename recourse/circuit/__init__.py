"""Circuit breakers: fail fast while a dependency is down, probe before trusting it again."""

from recourse.circuit.machine import CircuitBreaker
from recourse.circuit.protocol import Admission, Breaker, Transition
from recourse.circuit.registry import Circuits

__all__ = ["Admission", "Breaker", "CircuitBreaker", "Circuits", "Transition"]
