"""A run's report as one HTML page that needs nothing else: no network, no font, no script to be read."""
