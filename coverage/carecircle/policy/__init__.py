"""Policies as data: one file a document, read and checked here, judged elsewhere.

A pack (``packs/*.toml``) holds every target of a document: where it stands, what it counts, what it demands. The
words that packs use are in ``vocabulary.toml``: kinds of facilities and what registries call them, functions, the
sheets that a county fills in, and the readings of what a text leaves open. A further city is a further pack.
"""

from carecircle.policy.catalogue import built_in, check_quotes, json_schema, load_pack, load_packs, new_pack
from carecircle.policy.model import Pack, Schedule, Target
from carecircle.policy.vocabulary import Reading, Vocabulary, vocabulary

__all__ = [
    "Pack",
    "Reading",
    "Schedule",
    "Target",
    "Vocabulary",
    "built_in",
    "check_quotes",
    "json_schema",
    "load_pack",
    "load_packs",
    "new_pack",
    "vocabulary",
]
