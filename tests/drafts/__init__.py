"""Tests of drafting questions."""
