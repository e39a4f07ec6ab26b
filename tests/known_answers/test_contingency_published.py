"""SPSS's rule for 2 x 2 tables returns the p values printed by the second-line SCLC study."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest

from replica.contingency import FISHER, PEARSON, choose_test
from replica.convention import SPSS

# Zhang et al. 2025 (10.3389/fimmu.2025.1658017): patients with the first-listed level in each
# group, 200 against 296 before matching and 162 against 162 after, and the printed p.
BEFORE = [
    ("gender", 163, 232, "0.397"),
    ("age_group", 80, 103, "0.239"),
    ("smoking", 146, 206, "0.412"),
    ("ecog_ps", 42, 61, "0.916"),
    ("lung_metastases", 126, 166, "0.125"),
    ("bone_metastases", 70, 85, "0.139"),
    ("brain_metastases", 47, 56, "0.217"),
    ("liver_metastases", 45, 55, "0.286"),
    ("metastatic_lesions", 152, 205, "0.101"),
    ("first_line_ici", 119, 92, "<0.001"),
    ("first_line_pfs", 125, 167, "0.177"),
    ("objective_response", 59, 30, "<0.001"),
    ("disease_control", 134, 153, "<0.001"),
    ("hematologic_toxicity", 111, 163, "0.924"),
    ("hematologic_toxicity_g34", 32, 47, "0.971"),
    ("gastrointestinal_toxicity", 93, 132, "0.676"),
    ("gastrointestinal_toxicity_g34", 22, 34, "0.867"),
    ("hepatic_toxicity", 76, 97, "0.231"),
    ("elevated_alt_ast_g34", 11, 19, "0.674"),
    ("hypothyroidism", 14, 0, "<0.001"),
    ("rash", 17, 0, "<0.001"),
]
AFTER = [
    ("gender", 130, 125, "0.497"),
    ("age_group", 65, 55, "0.250"),
    ("smoking", 117, 120, "0.707"),
    ("ecog_ps", 30, 42, "0.109"),
    ("lung_metastases", 96, 96, "1.000"),
    ("bone_metastases", 46, 51, "0.544"),
    ("brain_metastases", 32, 29, "0.670"),
    ("liver_metastases", 30, 29, "0.886"),
    ("metastatic_lesions", 116, 120, "0.617"),
    ("first_line_ici", 81, 82, "0.912"),
    ("first_line_pfs", 95, 93, "0.822"),
    ("objective_response", 48, 13, "<0.001"),
    ("disease_control", 109, 84, "0.005"),
]
SMALL = [
    ("rash_g3", 1, 0, "0.403"),
    ("pneumonitis", 4, 0, "0.026"),
    ("diarrhea", 3, 0, "0.065"),
    ("adrenal_insufficiency", 3, 0, "0.065"),
]


def as_printed(p: float) -> str:
    """Print a p value with three decimals, as the paper does."""
    if p < 0.001:
        return "<0.001"
    return str(Decimal(p).quantize(Decimal("0.001"), rounding=ROUND_HALF_UP))


@pytest.mark.parametrize(
    ("treated", "control", "sizes", "printed", "test"),
    [
        *(pytest.param(a, b, (200, 296), p, PEARSON, id=f"{n}-before") for n, a, b, p in BEFORE),
        *(pytest.param(a, b, (162, 162), p, PEARSON, id=f"{n}-after") for n, a, b, p in AFTER),
        *(pytest.param(a, b, (200, 296), p, FISHER, id=n) for n, a, b, p in SMALL),
    ],
)
def test_printed_p_is_returned(treated, control, sizes, printed, test):
    """The printed p is Pearson's, or Fisher's where an expected count is below 5."""
    table = [[treated, sizes[0] - treated], [control, sizes[1] - control]]
    result = choose_test(table, convention=SPSS)
    assert (result.name, as_printed(result.p)) == (test, printed)
