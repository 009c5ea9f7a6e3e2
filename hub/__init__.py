"""The ground floor: settings, errors, logging, the embedded PostgreSQL."""
