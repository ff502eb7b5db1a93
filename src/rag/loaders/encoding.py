"""From bytes to text: Unicode, GB18030 and Big5, and a sentence where that was a guess."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.errors import LoadError
from rag.loaders.cleaning import no_text, refusal
from rag.text import simplify

_SAMPLE = 64_000

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHINESE = ("gb18030", "big5", "cp950")
_WIDE = ("utf-16-le", "utf-16-be")
_OTHERS = ("gb18030", "big5", "utf_16", "cp1252", "euc_jp", "shift_jis", "euc_kr")
_SIGNATURES = (
    (b"%PDF-", "PDF", ".pdf"),
    (b"PK\x03\x04", "ZIP or Office", ".docx"),
    (b"\xd0\xcf\x11\xe0", "old Office", ".doc"),
    (b"\x89PNG", "PNG", ".png"),
    (b"\xff\xd8\xff", "JPEG", ".jpg"),
    (b"GIF8", "GIF", ".gif"),
    (b"\x1f\x8b", "gzip", ".gz"),
    (b"7z\xbc\xaf", "7-Zip", ".7z"),
    (b"\x7fELF", "program", ".elf"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the encoding it was in; `damaged` when some bytes had to be replaced."""

    text: str
    encoding: str
    damaged: bool = False


def read_text(path: Path, *, source: str, report: Callable[[LoadError], None]) -> str:
    """The text of a file. Raises LoadError for binary content; reports replaced bytes."""
    data = path.read_bytes()
    decoded = decode(data, source=source)
    if decoded.damaged:
        report(damaged(source, decoded.encoding))
    if not decoded.text.strip():
        raise no_text(source)
    return decoded.text


def damaged(source: str, encoding: str) -> LoadError:
    """The warning for a text whose broken bytes were replaced."""
    name = encoding.upper()
    return refusal(
        source,
        f"has bytes that are no text in any known encoding; it was read as {name} with those "
        "replaced; save it as UTF-8",
        f"含有无法识别的字节，已按 {name} 读取并替换这些字节；请将其另存为 UTF-8",
    )


def decode(data: bytes, *, source: str) -> Decoded:
    """Decode a whole file. Raises LoadError where the bytes are no text at all."""
    refuse_binary(data, source=source)
    encoding = detect(data[:_SAMPLE])
    if encoding == "":
        raise _binary(source)
    try:
        return Decoded(data.decode(encoding), encoding)
    except UnicodeDecodeError:
        # The sample's encoding may fail further on: UTF-8 with a single bad byte stays UTF-8.
        return Decoded(data.decode(encoding, "replace"), encoding.removesuffix("-sig"), True)


def refuse_binary(data: bytes, *, source: str) -> None:
    """Raise LoadError when `data` begins like a known kind of binary file."""
    for signature, kind, extension in _SIGNATURES:
        if data.startswith(signature):
            raise refusal(
                source,
                f"is a {kind} file by its content, not text; give it its right name ({extension}) "
                "or convert it",
                f"的内容是 {kind} 文件而不是文本；请改用正确的扩展名（{extension}）或转换格式",
            )


def detect(sample: bytes) -> str:
    """The encoding of a text that begins with `sample`; empty when it is no text."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    if b"\x00" in sample or _binary_share(sample) > 0.02:
        return _best(sample, _WIDE)  # or binary data
    if _is_utf8(sample):
        return _wide_after_all(sample) or "utf-8"
    return _legacy(sample)


def _wide_after_all(sample: bytes) -> str:
    """UTF-16 without a mark whose bytes happen to be UTF-8 too; empty for what is UTF-8.

    A few Chinese characters can be both: as UTF-8 they are no everyday characters, as UTF-16 all
    of them are.
    """
    if sample.isascii() and sample.decode("ascii").isprintable():
        return ""
    if _readable(sample, "utf-8", "replace") > 0.5:
        return ""
    wide = _best(sample, _WIDE)
    return wide if wide and _readable(sample, wide, "strict") > 0.95 else ""


def _binary(source: str) -> LoadError:
    return refusal(
        source,
        "holds binary data, not text; remove it or convert it to text",
        "中是二进制数据而不是文本；请删除或转换为文本",
    )


def _binary_share(sample: bytes) -> float:
    controls = sum(sample.count(code) for code in (*range(1, 8), *range(14, 27), *range(28, 32)))
    return controls / max(len(sample), 1)


def _is_utf8(sample: bytes) -> bool:
    """UTF-8 but for a few broken bytes (and the character that the sample's end cuts)."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # not final: the end may be cut
    except UnicodeDecodeError:
        text = sample.decode("utf-8", "replace")
    else:
        return True
    # Other encodings read as UTF-8 fall apart: few of their characters survive.
    good = sum(1 for char in text if char > "\x7f" and char != "\ufffd")
    return good > 20 * text.count("\ufffd")


def _best(sample: bytes, encodings: Sequence[str], errors: str = "strict") -> str:
    """The encoding by which the sample reads best; empty when it reads badly by all."""
    scores = {encoding: _readable(sample, encoding, errors) for encoding in encodings}
    best = max(scores, key=scores.__getitem__)
    return best if scores[best] > 0.6 else ""


def _readable(sample: bytes, encoding: str, errors: str) -> float:
    """The share of everyday characters (GB 2312's first level) in what isn't ASCII."""
    try:
        # The sample may end inside a character; anything else must decode.
        text = codecs.getincrementaldecoder(encoding)(errors).decode(sample)
    except UnicodeDecodeError:
        return 0.0
    text = simplify(text[:20_000])
    wide = [char for char in text if char > "\x7f"]
    plain = all(char.isprintable() or char in "\n\r\t" for char in text if char <= "\x7f")
    return plain * sum(map(_everyday, wide)) / len(wide) if wide else float(plain)


def _everyday(char: str) -> bool:
    code = char.encode("gb2312", "ignore")
    return len(code) == 2 and (0xB0 <= code[0] <= 0xD7 or code[0] in (0xA1, 0xA3, 0xA4, 0xA5))


def _legacy(sample: bytes) -> str:
    """GB18030 or Big5, whichever reads as everyday Chinese; else what charset-normalizer finds.

    GB18030 and Big5 share most byte pairs, so either often decodes without an error: what tells
    them apart is that the wrong one yields rare characters. The same holds with a bad byte,
    which is where charset-normalizer gives up.
    """
    found = _best(sample, (*_CHINESE, *_WIDE)) or _best(sample, _CHINESE, "replace")
    if found:
        return found
    # Imported here: the usual file is UTF-8 and never gets this far.
    from charset_normalizer import from_bytes

    match = from_bytes(sample, cp_isolation=list(_OTHERS)).best()
    return match.encoding if match else "gb18030"
