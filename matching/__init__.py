"""Record linkage, pure: forms, blocking, comparison, weights, clustering, survivorship."""
