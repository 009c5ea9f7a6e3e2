"""VALIDATE: landed rows against their contract's expectations, and what is told of a batch's rows as a whole."""
