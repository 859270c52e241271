"""The adapter of Octopush."""
