"""The casehub command."""
