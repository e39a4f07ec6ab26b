"""The printed numbers of a paper held against each other, without any patient."""

from replica.audit.claims import Claim, read_claims
from replica.audit.engine import audit, check_all, contradictions, findings
from replica.audit.explanation import explained
from replica.audit.finding import Checked, Explanation, Finding
from replica.audit.marks import Mark, marks
from replica.audit.paper import PaperAudit, audit_paper, read_paper, study_paper
from replica.audit.records import record, records
from replica.audit.removal import confirmations, contradicted, smallest_removal
from replica.audit.rule import Rule
from replica.audit.rules import all_rules
from replica.audit.table import PrintedTable

__all__ = [
    "Checked",
    "Claim",
    "Explanation",
    "Finding",
    "Mark",
    "PaperAudit",
    "PrintedTable",
    "Rule",
    "all_rules",
    "audit",
    "audit_paper",
    "check_all",
    "confirmations",
    "contradicted",
    "contradictions",
    "explained",
    "findings",
    "marks",
    "read_claims",
    "read_paper",
    "record",
    "records",
    "smallest_removal",
    "study_paper",
]
