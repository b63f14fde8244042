"""Does the search find what is needed, leave out what is not, and train no set twice?"""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balanced_nn._causes.evidence import RepairAction
from balanced_nn._causes.repair_search import RepairSearch, find_repairs

ACTIONS = tuple(RepairAction)
rankings = st.lists(st.sampled_from(ACTIONS), max_size=8)
sets = st.frozensets(st.sampled_from(ACTIONS), min_size=1, max_size=4)
# what restores the result: any one of some sets of repairs, with whatever else
recipes = st.lists(sets, max_size=3)


class Trainer:
    """Restores the result where one of the recipes is part of the repairs, and counts."""

    def __init__(self, recipes, *, harmful=()):
        self.recipes, self.harmful, self.calls = recipes, frozenset(harmful), []

    def __call__(self, repairs):
        self.calls.append(repairs)
        return not self.harmful & repairs and any(recipe <= repairs for recipe in self.recipes)


@given(rankings, recipes)
def test_what_is_found_restores_the_result_and_nothing_of_it_can_be_left_out(ranked, recipes):
    train = Trainer(recipes)
    found = find_repairs(ranked, train).repairs
    if not recipes:
        assert found is None
        return
    assert train(found)
    assert not any(train(found - {action}) for action in found)


@given(rankings, recipes, st.frozensets(st.sampled_from(ACTIONS), max_size=3))
def test_no_set_is_trained_twice_and_the_empty_one_last_at_most(ranked, recipes, harmful):
    train = Trainer(recipes, harmful=harmful)
    search = find_repairs(ranked, train)
    assert len(train.calls) == len(set(train.calls)) == search.n_fits == len(search.trials)
    assert set(search.trials) == set(train.calls)
    assert all(train.calls[:-1])
    assert search.trials == {repairs: train(repairs) for repairs in search.trials}


@pytest.mark.parametrize("needed", ACTIONS)
@given(ranked=rankings, harmful=st.frozensets(st.sampled_from(ACTIONS), max_size=5))
def test_any_single_repair_is_found_even_where_others_stand_in_its_way(needed, ranked, harmful):
    search = find_repairs(ranked, Trainer([frozenset({needed})], harmful=harmful - {needed}))
    assert search.repairs == {needed}


@pytest.mark.parametrize("needed", list(combinations(ACTIONS, 2)), ids="+".join)
@pytest.mark.parametrize("backwards", [False, True])
def test_any_pair_is_found_whatever_is_ranked(needed, backwards):
    ranked = needed[::-1] if backwards else ()
    assert find_repairs(ranked, Trainer([frozenset(needed)])).repairs == set(needed)


@given(rankings)
def test_nothing_is_found_where_nothing_helps(ranked):
    search = find_repairs(ranked, Trainer([]))
    assert search.repairs is None
    assert {search.status(action) for action in ACTIONS} == {"refuted"}


@pytest.mark.parametrize("action", ACTIONS)
def test_the_right_cause_named_first_takes_one_training_and_one_without_any_repair(action):
    search = find_repairs([action], Trainer([frozenset({action})]))
    assert (search.repairs, search.n_fits) == ({action}, 2)
    assert search.trials == {frozenset({action}): True, frozenset(): False}
    assert search.status(action) == "confirmed"
    assert {search.status(other) for other in ACTIONS if other is not action} == {"plausible"}


@given(rankings, rankings, recipes)
def test_only_what_is_ranked_or_on_the_menu_is_tried(ranked, menu, recipes):
    train = Trainer(recipes)
    find_repairs(ranked, train, menu=menu)
    assert frozenset().union(*train.calls) <= {*ranked, *menu}


def test_without_anything_to_try_nothing_is_trained():
    search = find_repairs([], Trainer([frozenset({ACTIONS[0]})]), menu=())
    assert (search.repairs, search.n_fits, search.trials) == (None, 0, {})
    assert search.status(ACTIONS[0]) == "plausible"


@given(rankings, recipes, st.frozensets(st.sampled_from(ACTIONS), max_size=3))
def test_a_status_says_what_the_trainings_have_shown(ranked, recipes, harmful):
    search = find_repairs(ranked, Trainer(recipes, harmful=harmful))
    tried = frozenset().union(*search.trials) if search.trials else frozenset()
    for action in ACTIONS:
        status = search.status(action)
        assert (status == "confirmed") == (search.repairs is not None and action in search.repairs)
        assert (status == "plausible") == (action not in tried)


def test_a_cause_that_only_stood_in_front_of_the_right_one_is_refuted():
    first, needed, later = ACTIONS[3], ACTIONS[5], ACTIONS[0]
    search = find_repairs([first, needed, later], Trainer([frozenset({needed})]))
    assert [search.status(action) for action in (first, needed, later)] == ["refuted", "confirmed", "plausible"]


@given(rankings, rankings.filter(bool))
def test_a_failure_by_luck_confirms_no_cause(ranked, menu):
    train = Trainer([frozenset()])  # whatever is trained is sound
    search = find_repairs(ranked, train, menu=menu)
    first = (ranked or menu)[0]
    assert (search.repairs, search.n_fits) == (set(), 2)
    assert train.calls == [{first}, set()]
    assert search.status(first) == "refuted"
    assert {search.status(action) for action in ACTIONS if action is not first} == {"plausible"}


@given(st.frozensets(st.sampled_from(ACTIONS), min_size=1, max_size=5))
def test_repairs_that_harm_what_was_bad_luck_are_refuted(harmful):
    search = find_repairs(harmful, Trainer([frozenset()], harmful=harmful))
    tried = frozenset().union(*search.trials)
    assert search.repairs in (None, frozenset())
    assert harmful <= tried
    assert {search.status(action) for action in harmful} == {"refuted"}


def test_where_nothing_restores_only_what_was_tried_alone_is_refuted():
    first, second = ACTIONS[:2]
    search = RepairSearch(None, {frozenset({first}): False, frozenset({first, second}): False})
    assert [search.status(action) for action in ACTIONS[:3]] == ["refuted", "plausible", "plausible"]


def test_repairs_that_are_ranked_twice_are_tried_once():
    train = Trainer([])
    find_repairs([ACTIONS[0], ACTIONS[0]], train, menu=ACTIONS[:2])
    assert train.calls == [{ACTIONS[0]}, {ACTIONS[0], ACTIONS[1]}, {ACTIONS[1]}]
