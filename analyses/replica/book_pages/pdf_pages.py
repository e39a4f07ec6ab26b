"""Printed pages of the book joined into one PDF: outline, links from page to page, page numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urldefrag

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    Fit,
    FloatObject,
    NameObject,
    NullObject,
    PdfObject,
)

_NUMBER = "/PageNumber"
_BASELINE = 24.0  # points above the lower edge


@dataclass(frozen=True)
class PrintedPage:
    """One page of the book on paper: its address, its title, its headings with their anchors."""

    address: str
    title: str
    headings: tuple[tuple[str, str], ...]
    pdf: bytes


def merge(front: bytes, printed: Sequence[PrintedPage]) -> PdfWriter:
    """Join what was printed behind the title page and the contents.

    Links between pages of the book become jumps. Links to other files of this machine are dropped,
    links to other sites stay.
    """
    writer = PdfWriter()
    writer.append(BytesIO(front), import_outline=False)
    first = len(writer.pages)
    starts: dict[str, int] = {}
    ends = first
    readers = [PdfReader(BytesIO(page.pdf)) for page in printed]
    for page, reader in zip(printed, readers, strict=True):
        starts[page.address] = ends
        ends += len(reader.pages)
        writer.append(reader, import_outline=False)
    for page, reader in zip(printed, readers, strict=True):
        start = starts[page.address]
        places = _places(reader, start)
        for number in range(start, start + len(reader.pages)):
            _keep_links_inside(writer, number, places, starts)
        item = writer.add_outline_item(title=page.title, page_number=start)
        for heading, anchor in page.headings:
            if anchor in places:
                number, top = places[anchor]
                fit = Fit.xyz(left=0, top=top)
                writer.add_outline_item(title=heading, page_number=number, parent=item, fit=fit)
    _forget_names(writer)
    for number in range(1, len(writer.pages)):
        _write_number(writer, number)
    writer.add_metadata({"/Title": printed[0].title})
    return writer


def _places(reader: PdfReader, start: int) -> dict[str, tuple[int, float]]:
    """Return the page of the whole and the height of each anchor of a printed page."""
    found = {}
    for name, destination in reader.named_destinations.items():
        number = reader.get_destination_page_number(destination)
        if number is not None:
            found[str(name).lstrip("/")] = (start + number, float(destination.top or 0))
    return found


def _keep_links_inside(
    writer: PdfWriter,
    number: int,
    places: Mapping[str, tuple[int, float]],
    starts: Mapping[str, int],
) -> None:
    page = writer.pages[number]
    kept = ArrayObject()
    for reference in page.get("/Annots", ArrayObject()):
        annotation = reference.get_object()
        name, address = str(annotation.get("/Dest", "")).lstrip("/"), _address(annotation)
        if name in places:
            _jump(writer, annotation, *places[name])
        elif address.startswith("file:"):
            start = starts.get(urldefrag(address).url)
            if start is None:
                continue
            _jump(writer, annotation, start, None)
        kept.append(reference)
    if "/Annots" in page:
        page[NameObject("/Annots")] = kept


def _address(annotation: DictionaryObject) -> str:
    action = annotation.get("/A")
    return str(action.get_object().get("/URI", "")) if action is not None else ""


def _jump(writer: PdfWriter, annotation: DictionaryObject, to: int, top: float | None) -> None:
    annotation.pop("/A", None)
    height: PdfObject = NullObject() if top is None else FloatObject(top)
    page = writer.pages[to].indirect_reference
    place = (page, NameObject("/XYZ"), NullObject(), height, NullObject())
    annotation[NameObject("/Dest")] = ArrayObject(place)


def _forget_names(writer: PdfWriter) -> None:
    """Drop named places: pages share names, and every link now holds its place itself."""
    for name in ("/Names", "/Dests"):
        writer.root_object.pop(name, None)


def _write_number(writer: PdfWriter, number: int) -> None:
    """Write a page's number at its foot, whatever the page's own drawing left behind."""
    page = writer.pages[number]
    text = str(number + 1)
    middle = float(page.mediabox.width) / 2 - 2.5 * len(text)
    before, after = DecodedStreamObject(), DecodedStreamObject()
    before.set_data(b"q\n")
    written = f"\nQ q BT {_NUMBER} 9 Tf {middle:g} {_BASELINE:g} Td ({text}) Tj ET Q\n"
    after.set_data(written.encode("ascii"))
    own = page.get("/Contents", ArrayObject())
    drawn = list(own) if isinstance(own, ArrayObject) else [page.raw_get("/Contents")]
    if isinstance(own.get_object(), ArrayObject):
        drawn = list(own.get_object())
    streams = [writer._add_object(before), *drawn, writer._add_object(after)]  # noqa: SLF001 - pypdf has no public way
    page[NameObject("/Contents")] = ArrayObject(streams)
    # A copy: pages may share their resources
    resources = DictionaryObject(page.get("/Resources", DictionaryObject()).get_object())
    fonts = DictionaryObject(resources.get("/Font", DictionaryObject()).get_object())
    fonts[NameObject(_NUMBER)] = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    resources[NameObject("/Font")] = fonts
    page[NameObject("/Resources")] = resources
