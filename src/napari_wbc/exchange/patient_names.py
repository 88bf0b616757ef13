"""File names that look like the name or a number of a patient: they would stand in every result.

What a name looks like is a guess. Dates of scans, serial numbers of scanners and the names of public data sets must
not set it off: a warning that is wrong most of the time is not read. So it goes by strong signs only; a surname alone
or the running number of a laboratory stays unnoticed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path

from napari_wbc.slides.open import stem_of

_MONTH, _DAY = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_SEPARATOR = r"[-_. ]"
# Whole slides were not scanned before 2000: such a date is one of birth.
_OLD_DATE = re.compile(
    rf"(?<!\d)(?:19\d\d(?P<a>{_SEPARATOR}){_MONTH}(?P=a){_DAY}|{_DAY}(?P<b>{_SEPARATOR}){_MONTH}(?P=b)19\d\d"
    r"|19\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d)"
)
_ANY_DATE = rf"\d{{1,4}}{_SEPARATOR}?\d{{1,2}}{_SEPARATOR}?\d{{1,4}}"
_BORN = re.compile(
    rf"(?<![a-z])(?:dob|born|geb|geboren|nee|ne le){_SEPARATOR}*{_ANY_DATE}(?!\d)", re.IGNORECASE
)
_NUMBERED = re.compile(
    rf"(?<![a-z])(?:patient|patientin|patid|pat|mrn|pid|hn|nhs|ssn|fallnr|fallnummer){_SEPARATOR}*"
    r"(?:(?:id|no|nr)[-_. ]*)?#?\d{5,}(?!\d)",
    re.IGNORECASE,
)
# A family name, a comma, a given name; or the caret between them, as DICOM writes names.
_COMMA = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,}),\s*([^\W\d_]{2,})")
_CARET = re.compile(r"[^\W\d_]{2,}\^[^\W\d_]{2,}")
_WORD = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _nhs(number: str) -> bool:
    """Check the last digit of an NHS number, modulo 11."""
    digits = [int(c) for c in number if c.isdigit()]
    check = 11 - sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=False)) % 11
    return check % 11 == digits[9] and check != 10


def _swedish(number: str) -> bool:
    """Check the last digit of a personnummer after Luhn; years 10 to 40 are taken for those of scans."""
    digits = [int(c) for c in number if c.isdigit()]
    doubled = (digit * (2 - i % 2) for i, digit in enumerate(digits))
    return sum(sum(divmod(d, 10)) for d in doubled) % 10 == 0 and not 10 <= int(number[:2]) <= 40


def _finnish(number: str) -> bool:
    """Check the last character of a henkilötunnus, modulo 31."""
    rest = int(number[:6] + number[7:10]) % 31
    return "0123456789ABCDEFHJKLMNPRSTUVWXY"[rest] == number[10].upper()


def _cpf(number: str) -> bool:
    """Check the last two digits of a Brazilian CPF, modulo 11."""
    digits = [int(c) for c in number if c.isdigit()]
    for n in (9, 10):
        rest = sum(weight * digit for weight, digit in zip(range(n + 1, 1, -1), digits, strict=False)) % 11
        if digits[n] != (0 if rest < 2 else 11 - rest):
            return False
    return True


def _chinese(number: str) -> bool:
    """Check the last character of a Chinese identity number, ISO 7064 MOD 11-2."""
    total = sum(int(c) * pow(2, 17 - i, 11) for i, c in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


_DDMM = r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])"
_MMDD = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
#: Numbers of persons by their form, and a test of their check digits where they have some.
_NUMBERS: tuple[tuple[str, Callable[[str], bool] | None], ...] = (
    (r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", None),  # USA, social security
    (r"\d{3}[ -]\d{3}[ -]\d{4}", _nhs),
    (rf"\d{{2}}{_MMDD}[-+]\d{{4}}", _swedish),
    (rf"{_DDMM}\d{{2}}[-+A]\d{{3}}[0-9A-FHJ-NPR-Y]", _finnish),
    (r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", None),  # Italy, codice fiscale
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _cpf),
    (rf"[1-9]\d{{5}}(?:19|20)\d{{2}}{_MMDD}\d{{3}}[\dX]", _chinese),
)


def patient_like(name: str) -> str:
    """Say what of a patient a name looks like.

    Parameters
    ----------
    name : str
        Of a file or slide, without its folder and ending.

    Returns
    -------
    str
        ``"a name"``, ``"a date of birth"``, ``"a number of a person"``, or nothing.

    Examples
    --------
    >>> patient_like("Doe_John_2023-05-04"), patient_like("smear_2023-05-04_SN123456")
    ('a name', '')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    if _CARET.search(name) or _looks_named(plain) or _has_comma_name(plain):
        return "a name"
    if _BORN.search(plain) or (_OLD_DATE.search(plain) and _other_words(plain)):
        return "a date of birth"
    if _NUMBERED.search(plain) or any(
        is_one is None or is_one(match.group())
        for form, is_one in _NUMBERS
        for match in _whole(form).finditer(plain)
    ):
        return "a number of a person"
    return ""


def patient_name_warning(images: Sequence[str | Path]) -> str:
    """Give one line about the images whose names look like a patient's; nothing where none does.

    Parameters
    ----------
    images : sequence of str or Path
        As the user named them; only the last part of each path is looked at, as only that reaches a result.

    Examples
    --------
    >>> patient_name_warning(["in/smear-7.svs", "in/DOE^JANE.svs"])
    "'DOE^JANE.svs' looks like a name: it stands in every result; rename the image before you share them"
    """
    found = [(Path(image).name, what) for image in images if (what := patient_like(stem_of(Path(image))))]
    if not found:
        return ""
    name, what = found[0]
    if len(found) == 1:
        return (
            f"{name!r} looks like {what}: it stands in every result; rename the image before you share them"
        )
    return (
        f"{len(found)} images are called like patients, such as {name!r} ({what}): their names stand in every result; "
        "rename them before you share the results"
    )


def _looks_named(plain: str) -> bool:
    """Tell whether a given name stands beside a word that is none of a laboratory."""
    given, laboratory = _words("given_names"), _words("laboratory")
    words = [word.lower() for part in _WORD.findall(plain) for word in _CAMEL.split(part)]
    return any(
        bool({a, b} & given) and not {a, b} & laboratory and min(len(a), len(b)) > 1
        for a, b in pairwise(words)
    )


def _has_comma_name(plain: str) -> bool:
    return any(not {part.lower() for part in match} & _words("laboratory") for match in _COMMA.findall(plain))


def _other_words(plain: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(plain) if len(word) > 2} - _words("laboratory")


@cache
def _whole(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?:{form})(?![A-Za-z0-9])")


@cache
def _words(name: str) -> frozenset[str]:
    file = resources.files("napari_wbc.exchange") / "words" / f"{name}.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())
