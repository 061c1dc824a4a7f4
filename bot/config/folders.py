"""Where things lie: the project or the installed package, the user's data and the models. It makes no folders."""

from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).resolve().parent.parent
PROJECT = PACKAGE.parent


def default_data_dir() -> Path:
    """The platform's folder for a user's data of this program."""
    return Path(platformdirs.user_data_dir("citebot", appauthor=False))


def default_models_dir() -> Path:
    """models/ of the checkout this runs from; in an installed package, a folder beside the data."""
    checkout = PROJECT / "models"
    return checkout if (PROJECT / "pyproject.toml").is_file() else default_data_dir() / "models"


def shared_folder(name: str) -> Path:
    """A folder that comes with the program: `prompts`, `seeds` or `models` of the checkout or the installed package."""
    checkout = PROJECT / name
    return checkout if (PROJECT / "pyproject.toml").is_file() else PACKAGE / "_share" / name
