"""Companies of several countries: the name as such, and the legal form."""

from __future__ import annotations

from time import process_time

import polars as pl
import pytest

from matching.company_names import companies, company_names, legal_forms, share_of_companies


@pytest.mark.parametrize(
    ("ways", "name", "form"),
    [
        (("Holm GmbH", "HOLM G.m.b.H.", "Holm Gesellschaft mit beschränkter Haftung"), "HOLM", "GMBH"),
        (("Holm S.A.S.", "Holm SAS", "HOLM S.A.S"), "HOLM", "SAS"),
        (("Holm Sp. z o.o.", "HOLM SP. Z O.O.", "Holm Spółka z ograniczoną odpowiedzialnością"), "HOLM", "SPZOO"),
        (("Holm spol. s r.o.", "Holm s.r.o."), "HOLM", "SRO"),
        (("Holm GmbH & Co. KG", "Holm GmbH und Co. KG"), "HOLM", "GMBHCOKG"),
        (("Holm A/S", "Holm AS"), "HOLM", "AS"),
        (("Holm S.A.", "Holm S/A", "Holm Sociedade Anônima"), "HOLM", "SA"),
        (("J. R. Holm Ltd.", "J. R. HOLM LIMITED"), "J R HOLM", "LTD"),
        (("Holm Bau",), "HOLM BAU", None),
        (("AG",), "AG", None),
        (("明辉有限公司",), "明辉有限公司", None),
        ((None,), None, None),
    ],
)
def test_a_legal_form_is_one_however_it_is_written(ways: tuple[str | None, ...], name: str | None, form: str | None) -> None:
    found = companies(pl.Series(ways, dtype=pl.String))
    assert found.rows() == [(name, form)] * len(ways)


def test_names_are_one_with_marks_without_and_spelt_out() -> None:
    assert company_names(pl.Series(["Müller Bräu", "Mueller Braeu", "MULLER BRAU"])).n_unique() == 1


def test_how_many_names_tell_a_legal_form() -> None:
    assert share_of_companies(pl.Series(["Holm GmbH", "Holm", "Ann Smith", "Bo Hill Ltd"])) == 0.5


def test_a_name_of_forms_alone_is_read_as_soon_as_any_other() -> None:
    began = process_time()
    assert legal_forms(pl.Series(["Holm" + " GmbH" * 10_000])).to_list() == ["GMBH"]
    assert process_time() - began < 1  # it was 15, and four times as much for twice as many
