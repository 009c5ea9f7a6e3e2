"""Record linkage, pure: forms, blocking, comparison, weights, clustering, survivorship.

Three relations, never mixed: same person, same organisation, same case. Arrow tables enter and leave; nothing here knows
a store, so the same calls serve a chunk, a request, a whole table and an engine beyond one machine. What decides is in
`models/<relation>.yml`, under a version.

A chunk of a store, for persons and organisations first and then, with their clusters, for cases:

1. `forms.person_forms(new)`, `organisation_forms`, `case_forms`: a row's form depends on that row and the model alone.
   The store may keep forms under the model's version, or have them worked out again from the inputs of the candidates.
2. `blocking.blocking_keys(relation, forms)` → (id, key), to replace the keys that the store holds for these ids. Joining its
   key table with itself on `key`, the chunk's ids on one side, gives PAIR: left < right, each once, the chunk's own too.
   Where forms have a `fingerprint`, only one id of each needs keys: `blocking.representatives` names it within a chunk,
   the key `same:<fingerprint>` finds it in the store. Each other id has one pair, with it. When it goes or changes,
   those that were linked to it are to be looked at again.
3. `linkage.link(relation, new_forms, known_forms, pairs)` → EDGE. Edges of a changed or deleted record are retracted first.
4. `clustering.cluster(nodes, edges, cannot_links, verdicts)` → CLUSTER, for the whole components that the chunk touches, their
   refused edges (`cannot_link`) included. `nodes` are `forms.select(["id", "identifier", "apart"])` with a column `key` that
   names a node whatever its id (department, source record id, ordinal): ties go by it, so that the order of arrival
   changes nothing. `clusters_and_torn` tells besides which links were passed over because nothing says which of two is right.
5. `survivorship.golden(values, survivorship_rules(entity))` → every value ranked, each with who states it.

`linkage.deduplicate` does the same in memory; `evaluation.evaluate` compares with the truth;
`weights.explain` gives an edge's steps in bits.
"""
