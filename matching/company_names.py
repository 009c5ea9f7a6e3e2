"""COMPANY NAMES in Latin letters: the name as such, and the legal form beside it.

One form is written in many ways: G.m.b.H., GmbH and Gesellschaft mit beschränkter Haftung. Letters with points between them are one word,
forms that say the same are one, and what is called by its form alone keeps it as its name.
"""

from __future__ import annotations

import re

import polars as pl

from matching.latin import words_of

#: Legal form → how it is written, beside by itself, as texts are folded: capitals, no marks, one blank between words.
_WRITTEN = {
    "GMBHCOKG": ("GMBH CO KG", "GMBH CO KOMMANDITGESELLSCHAFT", "GMBH UND CO KG", "GMBH AND CO KG", "AG CO KG"),
    "GMBH": ("GESELLSCHAFT MIT BESCHRANKTER HAFTUNG", "GESELLSCHAFT MIT BESCHRAENKTER HAFTUNG", "GESMBH", "GES M B H", "MBH", "GGMBH"),
    "UG": ("UG HAFTUNGSBESCHRANKT", "UG HAFTUNGSBESCHRAENKT", "UNTERNEHMERGESELLSCHAFT"),
    "AG": ("AKTIENGESELLSCHAFT",),
    "KG": ("KOMMANDITGESELLSCHAFT",),
    "OHG": ("OFFENE HANDELSGESELLSCHAFT",),
    "EK": ("E K", "EINGETRAGENER KAUFMANN", "EINGETRAGENE KAUFFRAU"),
    "EV": ("E V", "EINGETRAGENER VEREIN"),
    "SE": (),
    "LTD": ("LIMITED", "PRIVATE LIMITED", "PVT LTD", "PVT LIMITED"),
    "PLC": ("PUBLIC LIMITED COMPANY",),
    "LLP": ("LIMITED LIABILITY PARTNERSHIP",),
    "LLC": ("LIMITED LIABILITY COMPANY",),
    "INC": ("INCORPORATED",),
    "CORP": ("CORPORATION",),
    "SARL": ("SOCIETE A RESPONSABILITE LIMITEE",),
    "EURL": (),
    "SAS": ("SASU", "SOCIETE PAR ACTIONS SIMPLIFIEE"),
    "SA": ("SOCIETE ANONYME", "SOCIEDAD ANONIMA", "SOCIEDADE ANONIMA", "SPOLKA AKCYJNA", "SAU"),
    "SNC": ("SOCIETA IN NOME COLLETTIVO",),
    "SRL": ("SRLS", "SOCIETA A RESPONSABILITA LIMITATA"),
    "SPA": ("SOCIETA PER AZIONI",),
    "SL": ("SLU", "SOCIEDAD LIMITADA", "SOCIEDAD DE RESPONSABILIDAD LIMITADA"),
    "LDA": ("LIMITADA",),
    "BV": ("BESLOTEN VENNOOTSCHAP", "BVBA"),
    "NV": ("NAAMLOZE VENNOOTSCHAP",),
    "SPZOO": ("SP Z OO", "SP Z O O", "SPOLKA Z OGRANICZONA ODPOWIEDZIALNOSCIA", "SPOLKA Z OO"),
    "SRO": ("SPOL SRO", "SPOL S RO", "SPOL S R O", "SPOLECNOST S RUCENIM OMEZENYM"),
    "AS": ("AKCIOVA SPOLECNOST", "AKTIESELSKAB", "AKSJESELSKAP"),
    "APS": ("ANPARTSSELSKAB",),
    "AB": ("AKTIEBOLAG",),
    "OY": ("OYJ", "OSAKEYHTIO"),
    "KFT": (),
    "DOO": (),
}
_FORM = {written: form for form, ways in _WRITTEN.items() for written in (form, *ways)}
_ENDS = re.compile(rf"^(.+?) ({'|'.join(sorted(_FORM, key=len, reverse=True))})$")
_POINTED = re.compile(r"\b([^\W\d](?:\.[^\W\d]\b)+)\.?")  # S.A.S. and S.r.l.
_SHORT = {"AS": r"(?i)\bA/S(?:\W|$)", "SA": r"(?i)\bS/A(?:\W|$)"}  # of Denmark and Norway; of Brazil
_MOST_FORMS = 4  # at the end of one name


def companies(names: pl.Series) -> pl.DataFrame:
    """`name` without its legal form and `form`, null where it has none, of each name."""
    for form, written in _SHORT.items():
        names = names.str.replace_all(written, f" {form} ")
    pointed = names.map_elements(_unpointed, return_dtype=pl.String)
    parts = [(None, None) if text is None else _parted(text) for text in words_of(pointed)]
    return pl.DataFrame(parts, schema={"name": pl.String, "form": pl.String}, orient="row")


def company_names(names: pl.Series) -> pl.Series:
    """Names without legal forms; Müller and Mueller are one, as registers write them."""
    return companies(names)["name"].str.replace_all(r"([AOU])E", "$1")


def legal_forms(names: pl.Series) -> pl.Series:
    """The legal form of each name."""
    return companies(names)["form"]


def share_of_companies(names: pl.Series) -> float:
    """How many of the names tell a legal form."""
    forms = legal_forms(names)
    return 1 - forms.null_count() / max(len(forms), 1)


def _unpointed(name: str) -> str:
    return _POINTED.sub(lambda found: found[1].replace(".", "") + " ", name)


def _parted(text: str) -> tuple[str, str | None]:
    """A name and its form: the last one, where it ends in several."""
    form = None
    for _ in range(_MOST_FORMS):
        if (found := _ENDS.match(text)) is None:
            break
        text, form = found[1], form or _FORM[found[2]]
    return text, form
