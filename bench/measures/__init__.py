"""What `make bench` measures: the program against what lies beneath it, in turn, in one run."""
