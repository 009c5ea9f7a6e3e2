"""The words everything shares: records, tables, code lists, migrations."""
