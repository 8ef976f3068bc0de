"""Why a question to the network had no answer."""

from __future__ import annotations

import socket

import requests

_KINDS = {
    requests.exceptions.ProxyError: "why_proxy",
    requests.exceptions.SSLError: "why_secure",
    requests.exceptions.Timeout: "why_time",
}


def why_unanswered(error: BaseException) -> str:
    """Return the key of the sentence for a failure: ``why_proxy``, ``why_secure``, ``why_time`` ...

    Examples
    --------
    >>> why_unanswered(requests.exceptions.ConnectTimeout()), why_unanswered(requests.exceptions.ConnectionError())
    ('why_time', 'why_refused')
    """
    known = next((sentence for kind, sentence in _KINDS.items() if isinstance(error, kind)), None)
    if known is None and "timed out" in str(error):  # a timeout inside the body
        known = "why_time"
    return known or ("why_name" if _is_name_unknown(error) else "why_refused")


def _is_name_unknown(error: BaseException | None) -> bool:
    """Whether the cause, buried in the chain of exceptions, is a name that cannot be resolved."""
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__cause__ or error.__context__
    return error is not None
