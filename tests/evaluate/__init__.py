"""Tests of bot.evaluate."""
