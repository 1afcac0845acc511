"""The protocols: pure functions from bytes to what is asked, and from predictions to bytes."""
