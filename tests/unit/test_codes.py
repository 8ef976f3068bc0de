"""The structure of statistical codes, and the check character of credit codes."""

import numpy as np
import pandas as pd
import pytest

from carecircle.china import codes

STRANGE = [
    None,
    np.nan,
    pd.NA,
    pd.NaT,
    "",
    "\ud800",
    "🏠",
    [1],
    {},
    b"530402",
    True,
    10**400,
    float("inf"),
    -5.5,
    "٥٣٠٤",
]
EVERY = [
    codes.significant_code,
    codes.code_level,
    codes.parent_code,
    codes.padded_code,
    codes.unit_kind,
    codes.is_statistical_only,
    codes.is_urban,
    codes.credit_code,
    codes.is_credit_code,
]


def series(*cells):
    return pd.Series(list(cells), dtype=object)


def test_codes_in_all_their_clothes_are_the_same():
    clothes = series(
        "530402000000", "530402000", "530402", 530402, 530402.0, " ５３０４０２ ", "156530402", np.int64(530402)
    )
    assert set(codes.significant_code(clothes)) == {"530402"}
    assert set(codes.code_level(clothes)) == {"county"}
    with_class = series("53040200100101111", "53040200100101220", "53040200100101999", "5304020010010")
    assert codes.significant_code(with_class).tolist() == ["530402001001", "530402001001", None, None]


def test_levels_parents_and_padding():
    given = series("53", "530000", "5304", "530402", "530402001", "530402001001", "441900003", "999", "0530402")
    assert codes.code_level(given).tolist() == [
        None,
        None,
        "city",
        "county",
        "township",
        "community",
        "township",
        None,
        None,
    ]
    assert codes.parent_code(given).tolist() == [None, None, "53", "5304", "530402", "530402001", "4419", None, None]
    assert codes.padded_code(given, 9).tolist() == [
        "530000000",
        "530000000",
        "530400000",
        "530402000",
        "530402001",
        None,
        "441900003",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("001", "街道"),
        ("099", "街道"),
        ("100", "镇"),
        ("199", "镇"),
        ("200", "乡"),
        ("399", "乡"),
        ("400", "类似乡级单位"),
        ("599", "类似乡级单位"),
        ("600", None),
        ("001001", "居民委员会"),
        ("001199", "居民委员会"),
        ("001200", "村民委员会"),
        ("001399", "村民委员会"),
        ("001400", "类似居民委员会"),
        ("001499", "类似居民委员会"),
        ("001500", "类似村民委员会"),
        ("001599", "类似村民委员会"),
        ("001600", None),
        ("", None),
    ],
)
def test_last_three_digits_say_what_a_unit_is(ending, kind):
    assert codes.unit_kind(series("530402" + ending)).tolist() == [kind]


def test_counties_for_statistics_only_and_what_is_in_them():
    given = series(
        "430971", "430972000000", "430972001", "430971100201", "430981", "530471", "530470", "430901071", "71"
    )
    assert codes.is_statistical_only(given).tolist() == [True, True, True, True, False, True, False, False, False]


def test_urban_classes():
    assert codes.is_urban(series(*codes.URBAN_CLASSES)).tolist() == [True] * 5 + [False] * 2
    assert codes.is_urban(series("11", "1", "2200")).tolist() == [None] * 3


def check_character(first_seventeen):
    """The standard's procedure, step by step."""
    values = [codes.CREDIT_CHARACTERS.index(letter) for letter in first_seventeen]
    weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28]
    rest = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 31
    return codes.CREDIT_CHARACTERS[(31 - rest) % 31]


def test_credit_codes_of_the_standard():
    """The example of GB 32100-2015: 91350100M000100Y4Z is wrong, for its check character must be 3."""
    assert check_character("91350100M000100Y4") == "3"
    given = series(
        "91350100M000100Y43",
        "91350100M000100Y4Z",
        "91512081MA62K0260E",
        "91350100m000100y43",
        " 9135 0100-M000100Y43",
        "９１３５０１００M000100Y43",
    )
    assert codes.is_credit_code(given).tolist() == [True, False, True, True, True, True]
    assert codes.credit_code(given).nunique() == 3


def test_credit_codes_against_the_procedure_and_every_slip_is_seen():
    rng = np.random.default_rng(5)
    letters = np.array(list(codes.CREDIT_CHARACTERS))
    head = [
        "".join(rng.choice(letters, 2)) + "".join(map(str, rng.integers(0, 10, 6))) + "".join(rng.choice(letters, 9))
        for _ in range(300)
    ]
    right = pd.Series([first + check_character(first) for first in head])
    assert codes.is_credit_code(right).all()
    place = rng.integers(0, 17, 300)
    other = [
        code[:at] + ("2" if code[at] == "1" else "1") + code[at + 1 :] for code, at in zip(right, place, strict=True)
    ]
    assert not codes.is_credit_code(pd.Series(other)).any()
    swapped = pd.Series([code[:9] + code[10] + code[9] + code[11:] for code in right])
    assert (codes.is_credit_code(swapped) == (swapped == right)).all()


def test_letters_that_credit_codes_do_not_have():
    wrong = pd.Series(
        [
            first + check_character("91350100M000100Y4")
            for first in ("91350100I000100Y4", "91350100O000100Y4", "9135010SM000100Y4", "91350A00M000100Y4")
        ]
    )
    assert not codes.is_credit_code(wrong).any()


@pytest.mark.parametrize("function", EVERY, ids=lambda function: function.__name__)
def test_nothing_in_a_cell_makes_them_raise(function):
    given = pd.Series(STRANGE, dtype=object, index=range(5, 5 + len(STRANGE)))
    found = function(given)
    assert found.index.equals(given.index)
    assert not (found == True).any()  # noqa: E712
    assert function(pd.Series([], dtype=object)).empty
    assert len(function(pd.Series([None, None], dtype=object))) == 2
