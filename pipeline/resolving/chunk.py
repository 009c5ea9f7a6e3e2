"""One chunk of RESOLVE, one transaction: take, publish versions, then persons, organisations and cases, then the count.

Parties resolve before cases, for cases are compared by their resolved parties. A record whose party has come to be
another person or organisation is looked at again in the same chunk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import orjson
import polars as pl
from sqlalchemy import Connection, text

from hub.errors import ContractError, StoreConflict
from pipeline.resolving import intake as taking
from pipeline.resolving.ahead import AHEAD_MOST, Ahead, look_ahead
from pipeline.resolving.candidates import hide_keys, list_keys, readers_in, show_crowded_keys, show_keys
from pipeline.resolving.clusters import Assignment, assign
from pipeline.resolving.comparing import evaluate
from pipeline.resolving.decisions import carry_over
from pipeline.resolving.entity_ids import Fates, settle
from pipeline.resolving.intake import Intake, Place, Touched
from pipeline.resolving.links import Evaluation, Task, write_links
from pipeline.resolving.memberships import write_memberships, write_redirects
from pipeline.resolving.models import load_model, model_document, record_rules
from pipeline.resolving.names import write_names
from pipeline.resolving.publish import Numbers, prepare, publish
from pipeline.resolving.relations import CASE, ORGANISATION, PERSON, Relation, ask_cases, resolved
from pipeline.resolving.reviews import update_reviews
from pipeline.resolving.surface import surface_of
from pipeline.store.channel import Channel

logger = logging.getLogger(__name__)

# Every query here looks up rows by index, and tables may have grown tenfold since they were last analysed.
PLAN = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"
_MODELS = "SELECT version, document FROM ops.model WHERE relation = :relation ORDER BY first_used_at"
_KEEP_MODEL = "INSERT INTO ops.model (relation, version, document) VALUES (:relation, :version, CAST(:document AS jsonb))"
_RECORDS_OF = """
SELECT DISTINCT p.record_id FROM unnest(%(ids)s::bigint[]) AS t (id)
CROSS JOIN LATERAL (SELECT record_id FROM store.party WHERE party_id = t.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0) p
"""
_PUT_BACK = f"""
INSERT INTO ops.pending (record_id, reason) SELECT id, '{taking.PARTY_CHANGED}' FROM unnest(%(ids)s::bigint[]) AS t (id)
ON CONFLICT (record_id) DO UPDATE
SET reason = CASE WHEN pending.reason = '{taking.VALUES}' THEN '{taking.RELINK}' ELSE excluded.reason END
WHERE pending.reason <> '{taking.RELINK}'
"""
_IS_DECIDED = "SELECT EXISTS (SELECT FROM ops.decision) AS found"
_NOBODY = pl.DataFrame(schema={"name": pl.String, "kind": pl.String})
_LAST_CHANGE = "UPDATE ops.change_counter SET last_change = %(last)s WHERE epoch = %(epoch)s"
_APPLIED = "UPDATE ops.decision SET applied_change = %(change)s WHERE decision_id = ANY (%(ids)s::bigint[])"


@dataclass(frozen=True)
class Chunk:
    """What a chunk may take."""

    after: Place
    most: int
    most_again: int  # records of others that are looked at again in it; beyond, they wait
    unique_within: frozenset[str]


@dataclass
class Done:
    """What a chunk did."""

    records: int
    last: Place
    changes: dict[str, int] = field(default_factory=dict)
    review_tasks: int = 0


def record_models(connection: Connection) -> None:
    """Keep the documents of the models in force, and the survivorship rules: links name their version, and a rebuild needs them.

    Raises:
        ContractError: a model has changed since its version was first used, or the store was resolved with a newer one.
    """
    for relation in (PERSON, ORGANISATION, CASE):
        names = {"relation": relation.name, "version": load_model(relation.name).version}
        document = model_document(relation.name)
        known: dict[str, object] = {version: kept for version, kept in connection.execute(text(_MODELS), names)}
        _refuse_older(**names, known=list(known))
        if names["version"] not in known:
            if known:
                logger.warning("%s: model %s is new; what was resolved before waits for `casehub relink --swap`", *names.values())
            connection.execute(text(_KEEP_MODEL), {**names, "document": orjson.dumps(document).decode()})
        elif known[names["version"]] != document:
            raise ContractError(
                f"{relation.name} 的模型与此库已用的版本 {names['version']} 内容不同 · "
                f"the model of {relation.name} is another than version {names['version']} was",
                remedy="提高其版本号后重新识别 · raise its version, then resolve again",
            )
    record_rules(connection)
    connection.commit()


def _refuse_older(relation: str, version: str, known: Sequence[str]) -> None:
    """A process that was not told of the newer model would write links and list keys by the old one, and nobody would notice.

    Args:
        relation: of the model.
        version: that is in force in this process.
        known: versions that the store was resolved with, the newest last.
    """
    if not known or version == known[-1]:
        return
    newest = known[-1]
    numbered = version.isdecimal() and newest.isdecimal()
    if version in known or (numbered and int(version) < int(newest)):
        raise ContractError(
            f"{relation} 模型的版本 {version} 早于此库已用的 {newest} · "
            f"the model of {relation}: version {version} is older than {newest}, which this store was resolved with",
            remedy="为每个识别进程设置 CASEHUB_MODELS，或提高所需模型的版本号 · "
            "set CASEHUB_MODELS for every process that resolves, or give the model that is wanted a higher version",
        )


def resolve_chunk(connection: Connection, chunk: Chunk) -> Done | None:
    """Take and resolve the next chunk and commit it.

    Returns:
        None where nothing is left after `chunk.after`.
    """
    try:
        with Channel(connection) as channel:
            done = _Resolving(channel, chunk).run()
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return done


@dataclass(frozen=True)
class _Settled:
    """One relation's nodes in their entities; what the entities show is still to be written."""

    task: Task
    touched: Touched
    evaluation: Evaluation
    crowded: pl.DataFrame  # id, key: keys that wait for the nodes' entities
    assignment: Assignment
    fates: Fates

    @property
    def moved(self) -> pl.Series:
        """Nodes that were there before and are in another entity now."""
        return self.fates.moves.drop_nulls("former")["id"]

    @property
    def standing(self) -> pl.DataFrame:
        """(id, is_news) of nodes that were there before and may show something else now."""
        known = self.evaluation.nodes["id"]
        ids = pl.concat([self.touched.refresh, known.filter(~known.is_in(self.touched.new.implode()))])
        return pl.DataFrame({"id": ids}).with_columns(is_news=pl.col("id").is_in(self.touched.news.implode()))


def _named(settled: Sequence[_Settled]) -> pl.DataFrame:
    """(name, kind) of the parties that were looked at."""
    nodes = [(each.evaluation.nodes, each.task.relation.name) for each in settled]
    return pl.concat([_NOBODY, *(rows.select("name", kind=pl.lit(kind)) for rows, kind in nodes if rows.height)])


class _Resolving:
    """A chunk at work: persons beside organisations, then cases, while what is settled is being shown."""

    def __init__(self, channel: Channel, chunk: Chunk) -> None:
        self._channel, self._chunk = channel, chunk
        self._has_decisions = False
        self._cases: tuple[pl.Series, Callable[[], pl.DataFrame]]  # records to compare: their ids, and what waits for their rows
        self._ahead: Ahead | None = None  # what was done for them before their parties were settled

    def run(self) -> Done | None:
        """All of it, in order."""
        channel = self._channel
        channel.run(PLAN)
        intake = taking.take(channel, self._chunk.after, self._chunk.most)
        if intake is None:
            return None
        prepare(channel)
        done = Done(len(intake.records), intake.last)
        decided = channel.ask(_IS_DECIDED)
        taking.publish_versions(channel, intake)
        decided_since = channel.ask(_IS_DECIDED)
        self._has_decisions = bool(decided().item())  # as it was before: to know it as it is now would be to wait
        if self._has_decisions:
            carry_over(channel, intake.records, intake.change)
        touched = [relation for relation in (PERSON, ORGANISATION) if not intake.touched[relation].is_empty]
        self._ask_ahead(intake)
        with ThreadPoolExecutor(2, "settle") as settling, ThreadPoolExecutor(1, "show") as showing:
            parties = [settling.submit(self._settle, intake, relation) for relation in touched]
            shown = [showing.submit(self._show_when, one, intake, done) for one in parties]
            if len(self._cases[0]) <= AHEAD_MOST:
                self._ahead = look_ahead(self._task(intake, CASE), self._cases[1])
            shown.append(showing.submit(write_names, channel, _named([one.result() for one in parties])))
            intake.parties = intake.parties.clear()
            self._look_again(intake, pl.concat([intake.records.clear(), *(one.result().moved for one in parties)]))
            if not intake.touched[CASE].is_empty:
                shown.append(showing.submit(self._show, self._settle(intake, CASE), intake, done))
            for one in shown:
                one.result()
        if not self._has_decisions and decided_since().item():
            raise StoreConflict(
                "第一条人工判定恰在此时作出 · the first decision of all was made just now", remedy="再运行一次 · run it again"
            )
        taken = sum(done.changes.values())
        if taken > 1:
            channel.run(_LAST_CHANGE, last=intake.change + taken - 1, epoch=intake.epoch)
        if intake.decisions.height:
            channel.run(_APPLIED, ids=intake.decisions["decision_id"], change=intake.change)
        return done

    def _ask_ahead(self, intake: Intake) -> None:
        """Ask for the records that are compared once their parties are settled, while forms of these are made and nothing else is asked."""
        cases = intake.touched[CASE]
        ids = pl.concat([cases.new, cases.changed])
        self._cases = ids, ask_cases(self._channel, ids)

    def _settle(self, intake: Intake, relation: Relation) -> _Settled:
        """Links, keys, clusters and memberships of one relation."""
        task, at_hand, ahead = self._task(intake, relation), intake.parties, None
        if relation is CASE:
            at_hand, ahead = self._records(), self._ahead
            del self._cases, self._ahead  # they hold all that was read
        evaluation = evaluate(task, at_hand, ahead)
        surface = surface_of(task, evaluation)  # it reads no links: nothing it asks for waits until they are written
        write_links(task, evaluation)
        looked_at = evaluation.nodes["id"]
        hide_keys(self._channel, relation, pl.concat([task.gone, looked_at.filter(~looked_at.is_in(task.new.implode()))]))
        crowded = show_keys(self._channel, relation, evaluation.keys, evaluation.met)
        list_keys(self._channel, relation, evaluation.keys)
        assignment = assign(task, evaluation, surface)
        fates = settle(task, assignment, evaluation.nodes)
        write_memberships(task, fates)
        return _Settled(task, intake.touched[relation], evaluation, crowded, assignment, fates)

    def _task(self, intake: Intake, relation: Relation) -> Task:
        touched = intake.touched[relation]
        unique_within = self._chunk.unique_within if relation is CASE else frozenset[str]()
        return Task(self._channel, relation, intake.change, touched.new, touched.changed, touched.gone, self._has_decisions, unique_within)

    def _records(self) -> pl.DataFrame:
        """Rows of the records to compare, with whom their parties resolve to by now."""
        (ids, waiting), ahead = self._cases, self._ahead
        return resolved(self._channel, ids, waiting if ahead is None else lambda: ahead.rows)

    def _show_when(self, settled: Future[_Settled], intake: Intake, done: Done) -> None:
        self._show(settled.result(), intake, done)

    @staticmethod
    def _show(settled: _Settled, intake: Intake, done: Done) -> None:
        """Redirects, crowded keys, review tasks, golden values, entities and change numbers of one relation."""
        task, evaluation, fates = settled.task, settled.evaluation, settled.fates
        known = evaluation.nodes.filter(pl.col("version") > 1)["id"]
        returning = fates.moves["id"].filter(fates.moves["id"].is_in(known.implode()))
        write_redirects(task, fates, settled.assignment.entities["entity"], returning)
        show_crowded_keys(task.channel, task.relation, settled.crowded, evaluation.met, evaluation.nodes.select("id", readers_in()))
        done.review_tasks += update_reviews(task, evaluation, fates, settled.assignment.seen, settled.assignment.torn)
        numbers = Numbers(intake.epoch, intake.change + sum(done.changes.values()))
        done.changes[task.relation.name] = publish(task, settled.assignment, fates, evaluation.nodes, settled.standing, numbers)

    def _look_again(self, intake: Intake, moved: pl.Series) -> None:
        """Have cases compare records whose parties resolve to others than before."""
        if moved.is_empty():
            return
        cases = intake.touched[CASE]
        records = self._channel.read(_RECORDS_OF, ids=moved)["record_id"].sort()
        records = records.filter(~records.is_in(pl.concat([cases.new, cases.changed, cases.gone]).implode()))
        again, later = records.head(self._chunk.most_again), records.slice(self._chunk.most_again)
        if len(later):
            self._channel.run(_PUT_BACK, ids=later)
        refresh = cases.refresh.filter(~cases.refresh.is_in(again.implode()))
        intake.touched[CASE] = Touched(cases.new, pl.concat([cases.changed, again]), refresh, cases.gone, cases.news)
