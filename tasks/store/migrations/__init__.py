"""Alembic migrations of the ledger. A new revision: see CONTRIBUTING.md."""
