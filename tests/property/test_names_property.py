"""Laws of names: what is plain stays plain, a name is always itself, and nothing typed makes anything raise."""

import pandas as pd
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carecircle.china.codes import WIDER_DIGITS, code_level, is_credit_code, parent_code, significant_code
from carecircle.china.names import facility_keys, name_keys, plain_name
from carecircle.schema import LEVELS
from carecircle.sources.matching.areas import match_areas
from carecircle.sources.matching.gazetteer import gazetteer

COUNTIES = {"530402": "红塔区", "530428": "元江哈尼族彝族傣族自治县", "430921": "南县"}
LETTERS = "玉兴荷花新村大一二十1路街镇乡社区居委会(（东 南县红塔元江东"
NAMES = st.text(st.sampled_from(LETTERS), min_size=1, max_size=8)
ANYTHING = st.text(st.characters(codec=None), max_size=12) | NAMES
CELLS = (
    ANYTHING
    | st.none()
    | st.floats()
    | st.integers()
    | st.booleans()
    | st.lists(st.integers(), max_size=2)
    | st.binary()
)


def areas_of(townships):
    """One county's townships, numbered, and the counties."""
    codes = [f"530402{number:03}" for number in range(1, len(townships) + 1)]
    return pd.DataFrame(
        {
            "area_id": ["5304", *COUNTIES, *codes],
            "name": ["玉溪市", *COUNTIES.values(), *townships],
            "level": ["city"] + ["county"] * len(COUNTIES) + ["township"] * len(codes),
            "parent_id": [None, "5304", "5304", None] + ["530402"] * len(codes),
        }
    )


@given(ANYTHING)
@example("İ")
@example("ﬃ(")
@example("e\u200b\u0301")
@example("(()")
def test_plain_stays_plain(name):
    plain = plain_name(name)
    assert plain_name(plain) == plain
    assert plain_name(f" {plain} ") == plain
    keys = facility_keys(pd.Series([name], dtype=object))
    assert facility_keys(keys).equals(keys)


@given(ANYTHING, st.sampled_from(LEVELS))
def test_the_parts_of_a_name_make_it_up(name, level):
    (row,) = name_keys(pd.Series([name], dtype=object), level).to_dict("records")
    if row["bare"] is None:
        assert not plain_name(name).strip("()")
    else:
        assert row["stem"]
        assert row["bare"].startswith(row["stem"])
        assert row["word"] or row["stem"] == row["bare"]
        again = name_keys(pd.Series([row["plain"]], dtype=object), level)
        assert again.to_dict("records") == [row]


@settings(max_examples=30, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=6))
def test_a_name_is_itself(townships):
    """A name finds its own area, or is ambiguous because another area has the very same plain name."""
    table = areas_of(townships)
    found = match_areas(pd.DataFrame({"township": townships, "county": "红塔区"}), table).frame
    plain = pd.Series([plain_name(name) for name in townships])
    named = plain.str.contains(r"[^()]")
    alone = ~plain.duplicated(keep=False)
    codes = table["area_id"].iloc[-len(townships) :].reset_index(drop=True)
    assert (found["area_id"] == codes)[alone & named].all()
    assert found["how"][alone & named].eq("name").all()
    assert found["how"][~alone & named].eq("ambiguous").all()


@settings(max_examples=30, deadline=None)
@given(
    st.lists(NAMES, min_size=1, max_size=5), NAMES, st.sampled_from(["红塔区", "玉溪市红塔区", "云南省玉溪市红塔区"])
)
def test_the_county_before_a_name_changes_nothing_where_the_county_is_known(townships, asked, prefix):
    """Unless a township's own name begins with it, so that what is written is another name as it stands."""
    table = areas_of([name for name in townships if not plain_name(name).startswith(("红塔", "玉溪"))])
    rows = pd.DataFrame({"township": [*townships, asked], "county": "红塔区"})
    rows = rows[rows["township"].map(lambda name: len(plain_name(name)) > 1 and "(" not in name and "（" not in name)]
    without = match_areas(rows, table).frame
    behind = match_areas(rows.assign(township=prefix + rows["township"]), table).frame
    thin = name_keys(rows["township"], "township")
    found = without["area_id"].notna() & thin["stem"].str.len().gt(1)
    assert (behind["area_id"] == without["area_id"])[found].all()
    missed = without["how"].eq("unmatched")
    assert behind["area_id"][missed].isna().all()


@settings(max_examples=30, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=5), st.sampled_from(["code", "any", *LEVELS]))
def test_nothing_typed_makes_it_raise(cells, column):
    table = gazetteer(areas_of(["玉兴街道", "新村镇"]))
    rows = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    found = match_areas(
        rows, table, code="x" if column == "code" else None, names={} if column == "code" else {column: "x"}
    )
    assert found.frame["area_id"].dropna().isin(table.areas["area_id"]).all()
    assert found.frame["area_id"].notna().equals(found.frame["how"].isin(["code", "name", "variant"]))
    assert all(finding.message("zh") and finding.message("en") for finding in found.findings)


@given(st.lists(CELLS, max_size=5))
def test_codes_of_anything(cells):
    given_codes = pd.Series(cells, dtype=object)
    own = significant_code(given_codes)
    assert significant_code(own).equals(own)
    assert parent_code(given_codes).equals(parent_code(own))
    assert code_level(given_codes).equals(code_level(own))
    assert is_credit_code(given_codes).dtype == bool


@given(
    st.from_regex(r"[1-8][1-9](0[1-9]|[1-9][0-9]){2}(00[1-9]|[1-9][0-9]{2}){2}", fullmatch=True),
    st.sampled_from([4, 6, 9, 12]),
)
def test_codes_begin_with_that_of_the_unit_around_them(code, digits):
    given_codes = pd.Series([code[:digits].ljust(12, "0"), code[:digits]])
    assert significant_code(given_codes).tolist() == [code[:digits]] * 2
    assert parent_code(given_codes).tolist() == [code[: WIDER_DIGITS[digits]]] * 2
