"""PDFs, made here byte by byte: pages, paragraphs, hyphens, and those that hold no text."""

import io
from collections.abc import Sequence
from pathlib import Path

import pypdf
import pytest

from bot.articles.pdf import join_pages, read_pdf
from bot.errors import ArticleError

PATH = Path("/news/report.pdf")
PAGE = (
    "Ferry report",
    "The ferry to Selm left for the first time on Monday with nine cars and the mayor on board. She called the har-",
    "bour a well-known place for boats of all kinds and said that the well-",
    "known line would stay open.",
    "It will run six times a day until October, when the council looks at the numbers again.",
)


def make_pdf(pages: Sequence[Sequence[str]], title: str = "") -> bytes:
    """A PDF of Latin text lines, in Helvetica, with a title in its metadata."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj 0 -14 Td" for line in lines)
        stream = f"BT /F1 11 Tf 50 700 Td {shown} ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) /CreationDate (D:20240305) >>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>"
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode("latin-1")


def locked(password: str) -> bytes:
    writer = pypdf.PdfWriter(io.BytesIO(make_pdf([PAGE])))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pages_paragraphs_and_hyphens() -> None:
    article = read_pdf(make_pdf([PAGE, ["The second page."]]), PATH)
    assert article.text.split("\n\n") == [
        "Ferry report",
        "The ferry to Selm left for the first time on Monday with nine cars and the mayor on board. She called the "
        "harbour a well-known place for boats of all kinds and said that the well-known line would stay open.",
        "It will run six times a day until October, when the council looks at the numbers again.",
        "The second page.",
    ]
    assert (article.id, article.title, article.date, article.author) == ("report", "Ferry report", None, None)


@pytest.mark.parametrize(
    ("given", "title"),
    [("FERRY REPORT", "FERRY REPORT"), ("Microsoft Word - x.doc", "Ferry report"), ("", "Ferry report")],
)
def test_own_title_counts_only_if_it_stands_in_the_text(given: str, title: str) -> None:
    assert read_pdf(make_pdf([PAGE], given), PATH).title == title


FULL = "This line is as long as most of the lines on this page are"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((FULL, FULL, "short end.", FULL), [f"{FULL} {FULL} short end.", FULL]),
        ((FULL, "", FULL), [FULL, FULL]),
        ((FULL, "• first", "• second"), [FULL, "• first", "• second"]),
        ((FULL + " har-", "bour."), [FULL + " harbour."]),
        ((FULL + " har\u00ad", "bour."), [FULL + " harbour."]),
        ((FULL + " Selm-", "Lindow."), [FULL + " Selm- Lindow."]),
        ((FULL + " –", "then."), [FULL + " – then."]),
        ((), []),
    ],
)
def test_joins_lines(lines: Sequence[str], expected: list[str]) -> None:
    text = join_pages(["\n".join(lines)])
    assert (text.split("\n\n") if text else []) == expected


def test_locked_with_an_empty_password_can_be_read() -> None:
    assert read_pdf(locked(""), PATH).title == "Ferry report"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (locked("secret"), "protected by a password. Save a copy without one."),
        (make_pdf([[]]), "(OCR) on it first."),
        (b"", "damaged"),
        (b"no pdf at all", "damaged"),
        (make_pdf([PAGE])[:300], "damaged"),
        (make_pdf([PAGE]).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"), ""),
    ],
    ids=["locked", "no text", "empty", "no pdf", "cut off", "pages that hold themselves"],
)
@pytest.mark.filterwarnings("ignore")
def test_no_article(data: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as error:
        read_pdf(data, PATH)
    assert reason in str(error.value)
