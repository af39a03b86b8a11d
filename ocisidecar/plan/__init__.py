"""Plan the operations that lead from the observed to the desired state."""
