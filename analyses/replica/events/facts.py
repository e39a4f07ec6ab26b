"""What the events say of each patient: first dates, earlier conditions, treatments, last contact.

One query per kind of event, each by the code lists; no rule of eligibility is applied here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from replica.errors import ProtocolError
from replica.events.codes import CodeLists
from replica.events.tables import EventTables
from replica.protocol import Study

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True)
class Rules:
    """The paper's rules in numbers; `de_novo_days` is ours.

    An event is within `latency_months` of the metastasis if it is fewer days after it than that
    many months of 30.4375 days.
    """

    enrolment_start: date
    enrolment_end: date
    extraction: date
    age_min: int = 18
    latency_months: int = 6
    window_months: int = 120
    de_novo_days: int = 90

    @property
    def latency_days(self) -> float:
        """The time without death or another cancer that eligibility asks for, in days."""
        return self.latency_months * DAYS_PER_MONTH

    @property
    def window_days(self) -> float:
        """Longest follow-up that counts, in days."""
        return self.window_months * DAYS_PER_MONTH

    def as_printed(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The rules by item and level, as a paper's methods print them."""
        months, years = (f"{self.latency_months}",), (f"{self.window_months // 12}",)
        return {
            ("eligibility", "age_min"): (f"{self.age_min}",),
            ("latency", ""): months,
            ("eligibility", "exclusion_early_event"): months,
            ("eligibility", "exclusion_no_follow_up_visit"): months,
            ("follow_up_window", ""): years,
            ("confidence_level", ""): ("95",),
        }


def rules_of(study: Study) -> Rules:
    """Return the rules with the dates of a study's calendar.

    Raises
    ------
    ProtocolError
        If the study has no calendar.
    """
    if study.calendar is None:
        raise ProtocolError(
            f"{study.key}: found no calendar; needed to select patients by date. Give the study a "
            "`Calendar`."
        )
    calendar = study.calendar
    return Rules(calendar.enrolment_start, calendar.enrolment_end, calendar.data_cutoff)


def patient_facts(events: EventTables, codes: CodeLists, rules: Rules) -> pd.DataFrame:
    """Return one row per patient, by id, of everything that selection and analysis need.

    Columns beside those of `patients`: dates `first_lung`, `metastasis` (the first secondary
    neoplasm on or after the first lung cancer), `death`, `second_primary`, `first_ici`,
    `last_contact` (missing where there is none); counts `charlson_index`, `age_years`; and true or
    false for each condition, each treatment `before_...` and `after_...` the metastasis, and
    `visit_before`, `visit_after`, `early_cancer`, `second_lung`, `ici_before`. Nothing after the
    extraction is seen; conditions and treatments count from any time before.
    """
    connection = events.connection
    for name, frame in (
        ("neoplasm_codes", codes.neoplasms),
        ("comorbidity_codes", codes.comorbidity),
        ("condition_codes", codes.conditions),
        ("inhibitor_codes", codes.inhibitors),
        ("treatment_codes", codes.treatments),
    ):
        connection.register(name, frame)
    latency, extraction = rules.latency_days, rules.extraction.isoformat()
    for name, query in _VIEWS.items():
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {name} AS "
            + query.replace(":latency", repr(latency)).replace(":extraction", f"'{extraction}'")
        )
    return connection.execute(_FACTS).df()


# In order: each view may use those above it.
_VIEWS = {
    "neoplasm": """
        SELECT patient_id, date, replace(upper(d.code), '.', '') AS code, n."group" AS kind,
               n."first" AS site
        FROM diagnoses d JOIN neoplasm_codes n
          ON left(replace(upper(d.code), '.', ''), 3) BETWEEN n."first" AND n."last"
        WHERE date <= DATE :extraction
    """,
    "lung": """
        SELECT patient_id, min(date) AS first_lung FROM neoplasm WHERE kind = 'lung' GROUP BY ALL
    """,
    "zero": """
        SELECT patient_id, first_lung, min(date) AS metastasis
        FROM neoplasm JOIN lung USING (patient_id)
        WHERE kind = 'metastasis' AND date >= first_lung GROUP BY ALL
    """,
    "early_cancer": """
        SELECT DISTINCT patient_id FROM neoplasm JOIN zero USING (patient_id)
        WHERE kind = 'primary' AND date >= metastasis AND date - metastasis < :latency
    """,
    # a site counts once: by its first code ever
    "second_primary": """
        SELECT patient_id, min(first_date) AS second_primary FROM (
            SELECT patient_id, site, min(date) AS first_date FROM neoplasm
            WHERE kind = 'primary' GROUP BY ALL
        ) JOIN zero USING (patient_id)
        WHERE first_date - metastasis >= :latency GROUP BY ALL
    """,
    # another lobe: a named part of the lung that was not coded before, beside one that was
    "lobe": """
        SELECT patient_id, left(code, 4) AS lobe, min(date) AS first_date
        FROM neoplasm WHERE kind = 'lung' AND length(code) >= 4 AND left(code, 4) != 'C349'
        GROUP BY ALL
    """,
    "second_lung": """
        SELECT DISTINCT later.patient_id FROM lobe later JOIN zero USING (patient_id)
        JOIN lobe earlier ON earlier.patient_id = later.patient_id
         AND earlier.first_date - metastasis < :latency
        WHERE later.first_date - metastasis >= :latency
    """,
    "inhibitor": """
        SELECT patient_id, date FROM drugs d WHERE date <= DATE :extraction AND EXISTS (
            SELECT 1 FROM inhibitor_codes i
            WHERE upper(d.atc) = i.atc OR upper(d.atc) LIKE 'L01FF%' OR lower(d.name) = i.name)
    """,
    "treated_with": """
        SELECT patient_id, treatment, date FROM drugs JOIN treatment_codes
          ON system = 'ATC' AND starts_with(upper(atc), prefix) WHERE date <= DATE :extraction
        UNION ALL
        SELECT patient_id, treatment, date FROM procedures p JOIN treatment_codes t
          ON p.system = t.system AND starts_with(replace(upper(code), '.', ''), prefix)
        WHERE date <= DATE :extraction
        UNION ALL SELECT patient_id, 'ici' AS treatment, date FROM inhibitor
    """,
    "treatment": """
        SELECT patient_id,
               min(date) FILTER (treatment = 'ici' AND date >= metastasis) AS first_ici,
               bool_or(treatment = 'ici' AND date < metastasis) AS ici_before,
               bool_or(date >= metastasis) AS any_after,
               bool_or(treatment = 'chemotherapy' AND date < metastasis) AS before_chemotherapy,
               bool_or(treatment = 'radiotherapy' AND date < metastasis) AS before_radiotherapy,
               bool_or(treatment = 'surgery' AND date < metastasis) AS before_surgery,
               bool_or(treatment = 'chemotherapy' AND date >= metastasis) AS after_chemotherapy,
               bool_or(treatment = 'targeted_treatment' AND date >= metastasis) AS after_targeted,
               bool_or(treatment = 'radiotherapy' AND date >= metastasis) AS after_radiotherapy,
               bool_or(treatment = 'surgery' AND date >= metastasis) AS after_surgery
        FROM treated_with JOIN zero USING (patient_id) GROUP BY patient_id
    """,
    "history": """
        SELECT patient_id, replace(upper(code), '.', '') AS code
        FROM diagnoses JOIN zero USING (patient_id) WHERE date <= metastasis
    """,
    "condition": """
        SELECT patient_id,
               bool_or(condition = 'autoimmune_disease') AS autoimmune_disease,
               bool_or(condition = 'organ_transplant') AS organ_transplant,
               bool_or(condition = 'dependency') AS dependency,
               bool_or(condition = 'smoking') AS smoking
        FROM history JOIN condition_codes ON starts_with(code, prefix) GROUP BY patient_id
    """,
    "component": """
        SELECT DISTINCT patient_id, component, weight, overruled_by
        FROM history JOIN comorbidity_codes ON starts_with(code, prefix)
    """,
    # the milder form of a disease does not count beside the severer one
    "comorbidity": """
        SELECT patient_id, sum(weight) AS charlson_index FROM component c
        WHERE NOT EXISTS (SELECT 1 FROM component o
                          WHERE o.patient_id = c.patient_id AND o.component = c.overruled_by)
        GROUP BY patient_id
    """,
    "visit": """
        SELECT patient_id, bool_or(date < metastasis) AS visit_before,
               bool_or(date - metastasis >= :latency) AS visit_after
        FROM encounters JOIN zero USING (patient_id) WHERE date <= DATE :extraction
        GROUP BY patient_id
    """,
    "contact": """
        SELECT patient_id, max(date) AS last_contact FROM (
            SELECT patient_id, date FROM diagnoses UNION ALL
            SELECT patient_id, date FROM encounters UNION ALL
            SELECT patient_id, date FROM drugs UNION ALL
            SELECT patient_id, date FROM procedures
        ) WHERE date <= DATE :extraction GROUP BY patient_id
    """,
    "death": """
        SELECT patient_id, date AS death FROM deaths WHERE date <= DATE :extraction
    """,
}

_FACTS = """
    SELECT patients.*, first_lung, metastasis, death, second_primary, first_ici, last_contact,
           CAST(coalesce(charlson_index, 0) AS BIGINT) AS charlson_index,
           CAST(coalesce(date_sub('year', birth_date, metastasis), -1) AS BIGINT) AS age_years,
           coalesce(visit_before, FALSE) AS visit_before,
           coalesce(visit_after, FALSE) AS visit_after,
           early_cancer.patient_id IS NOT NULL AS early_cancer,
           second_lung.patient_id IS NOT NULL AS second_lung,
           coalesce(ici_before, FALSE) AS ici_before,
           coalesce(any_after, FALSE) AS treatment_after,
           coalesce(before_chemotherapy, FALSE) AS prior_chemotherapy,
           coalesce(before_radiotherapy, FALSE) AS prior_radiotherapy,
           coalesce(before_surgery, FALSE) AS prior_surgery,
           coalesce(after_chemotherapy, FALSE) AS chemotherapy,
           coalesce(after_targeted, FALSE) AS targeted_treatment,
           coalesce(after_radiotherapy, FALSE) AS radiotherapy,
           coalesce(after_surgery, FALSE) AS surgery,
           coalesce(autoimmune_disease, FALSE) AS autoimmune_disease,
           coalesce(organ_transplant, FALSE) AS organ_transplant,
           coalesce(dependency, FALSE) AS dependency,
           coalesce(smoking, FALSE) AS smoking
    FROM patients
    LEFT JOIN lung USING (patient_id)
    LEFT JOIN (SELECT patient_id, metastasis FROM zero) USING (patient_id)
    LEFT JOIN death USING (patient_id)
    LEFT JOIN second_primary USING (patient_id)
    LEFT JOIN treatment USING (patient_id)
    LEFT JOIN contact USING (patient_id)
    LEFT JOIN comorbidity USING (patient_id)
    LEFT JOIN visit USING (patient_id)
    LEFT JOIN condition USING (patient_id)
    LEFT JOIN early_cancer ON early_cancer.patient_id = patients.patient_id
    LEFT JOIN second_lung ON second_lung.patient_id = patients.patient_id
    ORDER BY patients.patient_id
"""
