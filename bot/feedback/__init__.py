"""What readers say of answers, kept on the user's own disk, and as questions for `bot eval`."""

from bot.feedback.export import as_lines, as_questions
from bot.feedback.kept import REASON, Feedback, Kept

__all__ = ["REASON", "Feedback", "Kept", "as_lines", "as_questions"]
