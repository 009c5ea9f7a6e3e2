"""Read-only statements, one module a question. Routes hold no SQL; no statement here writes, and every value is bound."""
