"""What a user can mend: one line that says what was wrong and what to do."""


class InputError(ValueError):
    """Something the user gave is wrong. The message is a whole sentence for the terminal."""
