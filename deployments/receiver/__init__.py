"""The web service that providers call: it checks, keeps and answers, and makes nothing of what it was told.

Reconciliation reads what is kept here later. It belongs behind a proxy that speaks HTTPS with the world.
"""
