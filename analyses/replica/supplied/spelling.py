"""What a reader may have meant: names and codes that differ from the wanted ones in spelling."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping

from replica.dictionary import Column

_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})
_WHOLE = re.compile(r"([+-]?[0-9]+)\.0+")

_YES = ("1", "y", "yes", "true", "t", "ja", "j", "oui", "si", "sim", "x", "positive", "present")
_NO = ("0", "n", "no", "false", "f", "nein", "non", "nao", "none", "negative", "absent")
_EVENT = (*_YES, "event", "dead", "death", "died", "deceased", "progression", "progressed", "tot")
_CENSORED = (*_NO, "censored", "censor", "alive", "living", "lost", "lebt", "no_event")
_MALE = ("m", "male", "man", "men", "mann", "maennlich", "homme", "masculin", "hombre")
_FEMALE = ("f", "w", "female", "woman", "women", "frau", "weiblich", "femme", "feminin", "mujer")
_TREATED = ("1", "treated", "treatment", "case", "exposed", "intervention", "yes", "ja")
_CONTROL = ("0", "control", "controls", "comparator", "unexposed", "untreated", "no", "nein")

_WORDS: Mapping[frozenset[str], Mapping[str, tuple[str, ...]]] = {
    frozenset({"yes", "no"}): {"yes": _YES, "no": _NO},
    frozenset({"male", "female"}): {"male": _MALE, "female": _FEMALE},
    frozenset({"treated", "control"}): {"treated": _TREATED, "control": _CONTROL},
}
_NOT_KNOWN = ("na", "n_a", "nan", "null", "unknown", "missing", "not_available", "unbekannt", "nk")


def folded(text: str) -> str:
    """Strip a text of what spellings differ in: case, accents, umlauts, blanks, punctuation."""
    return _plain(text.casefold().translate(_UMLAUTS))


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"[^0-9a-z]+", "_", bare).strip("_")


def _spellings(text: str) -> set[str]:
    """An umlaut may be written with two letters, or without its dots."""
    return {folded(text), _plain(text.casefold())}


def nearest(found: str, choices: Iterable[str]) -> str:
    """Return the choice nearest in spelling; empty if none comes near, or two come equally near."""
    wanted = list(choices)
    same = [choice for choice in wanted if _spellings(choice) & _spellings(found)]
    if same:
        return same[0] if len(same) == 1 else ""
    spelled = {folded(choice): choice for choice in wanted}
    match = difflib.get_close_matches(folded(found), spelled, n=1)
    return spelled[match[0]] if match else ""


def meant_level(column: Column, found: str) -> str:
    """Return the level that a cell of a category or an event most likely means; empty if unclear.

    Tries the level's label, other spellings, the usual codes of yes and no (of male and female, of
    the two arms), an unmistakable abbreviation and at last the nearest spelling. Codes without a
    usual meaning, such as 1 and 2 for a stage, are not guessed.
    """
    whole = _WHOLE.fullmatch(found)
    text = whole.group(1) if whole else found
    if column.type == "event":
        return _by_words(text, {"1": ("1", *_EVENT), "0": ("0", *_CENSORED)})
    if whole and text in column.level_keys:
        return text
    names = {level.key: (level.key, level.label) for level in column.levels}
    same = [k for k, words in names.items() if any(_spellings(w) & _spellings(text) for w in words)]
    if len(same) == 1:
        return same[0]
    words = _WORDS.get(frozenset(column.level_keys), {})
    by_code = _by_words(text, words)
    if by_code or not any(letter.isalpha() for letter in text):
        return by_code
    starts = [
        key for key, of in names.items() if any(folded(w).startswith(folded(text)) for w in of)
    ]
    if len(starts) == 1:
        return starts[0]
    label = {level.label: level.key for level in column.levels}
    near = nearest(text, [*column.level_keys, *label])
    return label.get(near, near)


def _by_words(text: str, words: Mapping[str, tuple[str, ...]]) -> str:
    found = [key for key, of in words.items() if _spellings(text) & set(of)]
    return found[0] if len(found) == 1 else ""


def means_missing(found: str) -> bool:
    """Whether a cell says that nothing is known."""
    return folded(found) in {*_NOT_KNOWN, ""}


def meaning_hint(column: Column, found: str) -> str:
    """Ask whether a level was meant, or say why nothing is guessed."""
    meant = meant_level(column, found)
    if meant:
        return f"Did you mean {meant!r}?"
    if means_missing(found):
        return (
            "A missing value cannot be analysed here: complete it, or leave the patient out of the "
            "file."
        )
    if not any(letter.isalpha() for letter in found):
        where = f"levels.{column.name}"
        return f"Say in a mapping file, under [{where}], which level the code {found!r} stands for."
    return ""
