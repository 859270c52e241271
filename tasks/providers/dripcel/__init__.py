"""The adapter of Dripcel (SMS and bulk e-mail)."""
