"""What the steps share of a batch: its rows at hand, refusals, holding, alerts, errors, and the conservation law."""
