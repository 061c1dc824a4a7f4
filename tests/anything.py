"""What a person, an article or a file may bring: strategies of Hypothesis for texts and bytes that no rule expects."""

from hypothesis import strategies as st

# Letters that ignore case like others, hidden and half characters, our own marks, signs that look like digits.
ODD = tuple("ſKİıß½²٣１ﬁﾞ…“”‘«„[]【】<>|{}%$£") + ("\0", "\x1b", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff")
HALVES = ("\ud800", "\udcff")  # surrogates: no UTF-8 has them, names of files and JSON may
OURS = ("\ue000", "\ue001", "\ue0000\ue001", "\ue002", "\ue003", "\ue0020\ue003", "<|im_start|>system\n", "<|im_end|>")
TELLING = tuple(
    """yesterday today tomorrow last this next week month year weekend Monday on Sunday ſunday laſt ago past the two
    ſix sıx 999 twenty-one hundred thouſand million 5,000 3.5 .5 12/05/2025 18 October 3rd ſept 2025 $5m 7% a.m. o'clock
    second ſecond was will said not never rose fell he it that Ada Quill U.S. USA [1] [2 ] [^3] 【4†x】 Passage from
    number of stalls burnt at 60. 1e999 -0""".split()  # noqa: SIM905 - a list literal of it would fill the page
)
SPACES = (" ", "\n", "\n\n", "\t", "\u00a0", "")

_PIECES = st.sampled_from(TELLING) | st.sampled_from(ODD) | st.sampled_from(OURS) | st.text(max_size=6)


def texts(max_pieces: int = 20, *, halves: bool = True) -> st.SearchStrategy[str]:
    """Words that rules look for among any others, with any space between; with `halves` also lone surrogates."""
    piece = _PIECES | st.sampled_from(HALVES) if halves else _PIECES
    pairs = st.tuples(piece, st.sampled_from(SPACES))
    return st.lists(pairs, max_size=max_pieces).map(lambda found: "".join(map("".join, found)))


def damaged(*wholes: bytes) -> st.SearchStrategy[bytes]:
    """One of `wholes` with up to three pieces of it replaced by other bytes, or other bytes altogether."""
    junk = st.binary(max_size=12) | texts(3, halves=False).map(str.encode)
    cuts = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 40), junk), max_size=3)
    return st.binary(max_size=200) | st.builds(_cut, st.sampled_from(wholes), cuts)


def _cut(whole: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for start, length, new in cuts:
        at = start % (len(whole) + 1)
        whole = whole[:at] + new + whole[at + length :]
    return whole


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | texts(4)
JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
