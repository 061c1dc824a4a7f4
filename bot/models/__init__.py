"""The models: what the catalogue offers, how a file gets here whole, and which file a name stands for.

catalogue (the data) ← files (names → checked files) ← fetch (sources → files), with wheels, hub and convert beneath
fetch. Only errors and config are known here: no terminal, no llama.cpp, no Chroma.
"""
