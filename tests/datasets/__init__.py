"""Tests of bot.datasets."""
