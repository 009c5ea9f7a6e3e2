"""The steps as transactions."""
