"""The adapter of indigitall (transactional campaign send: SMS and e-mail)."""
