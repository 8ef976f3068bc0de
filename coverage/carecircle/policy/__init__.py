"""Policies as data, and places judged by them.

A pack (``packs/*.toml``) holds every target of a document: where it stands, what it counts, what it demands. The
words that packs use are in ``vocabulary.toml``: kinds of facilities and what registries call them, functions, the
sheets that a county fills in, and the readings of what a text leaves open. A further city is a further pack.

`assess` judges a pack by `Evidence` (registry, areas, people, network, filled-in sheets) and gives a `Judgement`: for
each target an `Outcome` with its verdict, the exact numbers, and the other readings beside them.
"""

from carecircle.policy.assessment import assess
from carecircle.policy.catalogue import built_in, check_quotes, json_schema, load_pack, load_packs, new_pack
from carecircle.policy.evidence import Evidence
from carecircle.policy.judge import Tally, Verdict
from carecircle.policy.model import Pack, Schedule, Target
from carecircle.policy.results import Judgement, Line, Outcome, Progress, ScheduleState
from carecircle.policy.sheets import read_inputs_book
from carecircle.policy.vocabulary import Reading, Vocabulary, vocabulary

__all__ = [
    "Evidence",
    "Judgement",
    "Line",
    "Outcome",
    "Pack",
    "Progress",
    "Reading",
    "Schedule",
    "ScheduleState",
    "Tally",
    "Target",
    "Verdict",
    "Vocabulary",
    "assess",
    "built_in",
    "check_quotes",
    "json_schema",
    "load_pack",
    "load_packs",
    "new_pack",
    "read_inputs_book",
    "vocabulary",
]
