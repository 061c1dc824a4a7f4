"""Scripted evaluation: questions with known answers go in by the same door as the page's; rows and a report come out.

cases reads questions, run asks them and writes a row each, metrics holds the formulas, report puts them together.
"""
