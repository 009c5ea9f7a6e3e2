"""EVALUATE: what the engine makes of the store beside what people say, and what its models should learn of that."""
