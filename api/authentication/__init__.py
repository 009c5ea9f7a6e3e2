"""Who asks: a credential and a client's address enter, a caller leaves, or a refusal that says nothing of why."""
