"""The persons and firms of one case: mentions that resolve to one are put together, each as masked as it already is."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from api.answers.cases import PartyAnswer
from api.answers.one_case import EntityAnswer
from api.case_view import CaseView


def entities(view: CaseView, mentions: Sequence[PartyAnswer]) -> list[EntityAnswer]:
    """One answer a person or firm, in the order of first mention.

    Args:
        view: of the case.
        mentions: the answers of `view.parties`, in their order.
    """
    grouped: dict[uuid.UUID, list[int]] = {}
    for place, mention in enumerate(mentions):
        entity_id = mention.person_id or mention.organisation_id
        if entity_id is not None:  # a party that resolve has not taken yet is nobody's mention
            grouped.setdefault(entity_id, []).append(place)
    return [_entity(view, [mentions[place] for place in places], places) for places in grouped.values()]


def _entity(view: CaseView, mentions: Sequence[PartyAnswer], places: Sequence[int]) -> EntityAnswer:
    fullest = sorted(mentions, key=lambda mention: (mention.is_masked, -len(mention.name or "")))
    names = list(dict.fromkeys(mention.name for mention in fullest if mention.name))
    roles = {mention.role.code: mention.role for mention in mentions}
    records = dict.fromkeys(view.parties[place]["record_id"] for place in places)
    return EntityAnswer(
        person_id=mentions[0].person_id,
        organisation_id=mentions[0].organisation_id,
        name=names[0] if names else None,
        other_names=names[1:],
        roles=list(roles.values()),
        mentioned_by=[view.presenter.reference(view.readable[record_id]) for record_id in records],
    )
