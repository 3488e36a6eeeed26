"""The one exception that is shown to a user as a single readable line, without a traceback."""


class UserError(Exception):
    """Something the user can put right; the message names the place and what is allowed."""
