"""Questions with their evidence, drafted from the user's articles by the language model, for a person to review."""
