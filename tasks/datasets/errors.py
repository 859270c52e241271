"""What can be wrong with a file."""


class DatasetError(Exception):
    """A file cannot be read as a table. The message is for a person: what is wrong, what to do."""
