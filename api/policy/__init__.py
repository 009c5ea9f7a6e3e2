"""The policy: who may read whose records, of which places, how fields are shown, which routes, how often; and the logins that hold it."""
