"""Wiring only: what runs when, under Airflow."""
