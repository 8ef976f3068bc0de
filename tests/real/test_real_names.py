"""Codes and names of four real cities (marker `real`): every community found, and no spelling of a name found wrong."""

import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from carecircle.china.codes import code_level, is_statistical_only, parent_code, unit_kind
from carecircle.sources.matching.areas import match_areas
from carecircle.sources.matching.gazetteer import gazetteer

pytestmark = pytest.mark.real

CITIES = {"5304": "玉溪市", "5309": "临沧市", "4302": "株洲市", "4309": "益阳市"}
COMMITTEE = "(?:居民委员会|村民委员会|居委会|村委会)$"
FULL_NAMES = {"county": "area", "township": "street", "community": "name"}
ROWS = 4519
SAME_STEM = 24
"""Pairs of a residents' and a villagers' committee of one stem in one township: 凤尾社区 and 凤尾村 of 凤尾镇 ..."""


@pytest.fixture(scope="module")
def villages(real_data):
    return pd.read_csv(real_data / "china_admin" / "villages_4cities.csv", dtype=str)


@pytest.fixture(scope="module")
def areas(villages):
    """The four cities, their 34 counties, 370 townships and 4,519 communities."""
    counties, townships = villages.drop_duplicates("areaCode"), villages.drop_duplicates("streetCode")
    parts = [
        pd.DataFrame({"area_id": list(CITIES), "name": list(CITIES.values()), "level": "city", "parent_id": None}),
        pd.DataFrame(
            {
                "area_id": counties["areaCode"],
                "name": counties["area"],
                "level": "county",
                "parent_id": counties["cityCode"],
            }
        ),
        pd.DataFrame(
            {
                "area_id": townships["streetCode"],
                "name": townships["street"],
                "level": "township",
                "parent_id": townships["areaCode"],
            }
        ),
        pd.DataFrame(
            {
                "area_id": villages["code"],
                "name": villages["name"],
                "level": "community",
                "parent_id": villages["streetCode"],
            }
        ),
    ]
    return gazetteer(pd.concat(parts, ignore_index=True))


def tally(found, wanted):
    """Return how many rows are right, ambiguous, unmatched and wrong."""
    right = found["area_id"] == wanted
    how = found["how"].where(~right)
    return {
        "right": int(right.sum()),
        "ambiguous": int(how.eq("ambiguous").sum()),
        "unmatched": int(how.eq("unmatched").sum()),
        "wrong": int((found["area_id"].notna() & ~right).sum()),
    }


def test_the_rules_of_codes_hold(villages):
    assert code_level(villages["code"]).eq("community").all()
    assert parent_code(villages["code"]).eq(villages["streetCode"]).all()
    assert parent_code(villages["streetCode"]).eq(villages["areaCode"]).all()
    said = villages["kind"].str.replace(r"[\d-]+$", "", regex=True).str.replace("委会", "民委员会")
    assert unit_kind(villages["code"]).eq(said).all()
    streets = villages.drop_duplicates("streetCode")
    word = streets["street"].str.extract("(街道|镇|乡)$")[0]
    assert unit_kind(streets["streetCode"])[word.notna()].eq(word[word.notna()]).all()
    only = set(streets.loc[is_statistical_only(streets["streetCode"]), "area"])
    assert only == {"益阳市大通湖管理区", "湖南益阳高新技术产业园区"}


@pytest.mark.parametrize(
    "clothe",
    [
        lambda code: code,
        lambda code: code.astype(float),
        lambda code: code + ".0",
        lambda code: code.str[0] + "." + code.str[1:] + "E+11",
        lambda code: code + "11111",
    ],
    ids=["text", "float", "text of a float", "exponent", "with its class"],
)
def test_every_community_is_found_by_its_code(villages, areas, clothe):
    found = match_areas(villages.assign(code=clothe(villages["code"])), areas, code="code", names={})
    assert tally(found.frame, villages["code"]) == {"right": ROWS, "ambiguous": 0, "unmatched": 0, "wrong": 0}
    assert set(found.frame["how"]) == {"code"}


def test_every_community_is_found_by_its_names_and_agrees_with_its_code(villages, areas):
    found = match_areas(villages, areas, names=FULL_NAMES)
    assert tally(found.frame, villages["code"])["right"] == ROWS
    assert set(found.frame["how"]) == {"name"}
    assert found.findings == ()
    both = match_areas(villages, areas, code="code", names=FULL_NAMES)
    assert set(both.frame["how"]) == {"code"}
    other = match_areas(villages.assign(code=np.roll(villages["code"], 1)), areas, code="code", names=FULL_NAMES)
    assert set(other.frame["how"]) == {"code and name disagree"}
    assert len(other.findings) == ROWS


def test_names_that_are_ambiguous_without_the_township(villages, areas, record_property):
    """Within counties, twelve pairs of communities have one name, such as 龙潭村民委员会 of 大朝山西镇 and 大寨镇."""
    county = match_areas(villages, areas, names={"county": "area", "community": "name"}).frame
    twice = villages.duplicated(["areaCode", "name"], keep=False)
    assert county["how"].eq("ambiguous").equals(twice)
    assert tally(county, villages["code"]) == {"right": ROWS - 24, "ambiguous": 24, "unmatched": 0, "wrong": 0}
    own = zip(villages.loc[twice, "code"], county.loc[twice, "candidates"], strict=True)
    assert all(code in candidates and len(candidates) == 2 for code, candidates in own)
    everywhere = match_areas(villages, areas, names={"community": "name"}).frame
    counted = tally(everywhere, villages["code"])
    record_property("in four cities", counted)
    assert counted["wrong"] == counted["unmatched"] == 0
    stem = villages["name"].str.replace(COMMITTEE, "", regex=True).str.replace("(?:社区|村)+$", "", regex=True)
    assert stem.duplicated(keep=False)[everywhere["how"].eq("ambiguous")].all()


def spellings(villages):
    """Every name in other spellings: {what was done: names}."""
    name, street, area = villages["name"], villages["street"], villages["area"]
    city = villages["cityCode"].map(CITIES)
    word = villages["kind"].str.contains("村").map({True: "村", False: "社区"})
    short = name.str.replace(COMMITTEE, "", regex=True)
    short = short.where(short.str.contains("(?:社区|村)$"), short + word)
    stem = short.str.replace("(?:社区|(?<!社区)村)$", "", regex=True)
    stem = stem.where(stem.str.len() > 1, short)
    long = name.str.replace("居委会$", "居民委员会", regex=True).str.replace("村委会$", "村民委员会", regex=True)
    long = long.mask(name.str.endswith("社区"), name + "居民委员会").mask(name.str.endswith("村"), name + "民委员会")
    province = villages["provinceCode"].map({"53": "云南省", "43": "湖南省"})
    return {
        "without committee": short,
        "bare stem": stem,
        "long form": long,
        "committee cut": name.str.replace("民委员会", "委会"),
        "behind the county": area + name,
        "behind the city": city + area + name,
        "behind the township": street + name,
        "the whole way": province + city + area + street + name,
        "the whole way, short": area + street + short,
        "the whole way, with signs": city + "-" + area + "/" + street + "　" + name,
        "blanks between": name.map("　".join),
        "with a remark": name + "（原）",
        "traditional": name.str.translate(str.maketrans("区会员东龙云马桥华兴乡镇", "區會員東龍雲馬橋華興鄉鎮")),
        "figures": name.where(
            name.str.contains("[十百千]"), name.str.translate(str.maketrans("一二三四五六七八九", "１２3456789"))
        ),
    }


def test_no_spelling_of_a_name_is_found_wrong(villages, areas, record_property):
    """With the township known; ambiguous are only bare stems that stand for a 社区 and for a 村 of the township.

    Not found are 田心, 涌宝 and 茂兰 for what the list calls 田心社区村民委员会 and so on.
    """
    found = {
        done: match_areas(villages.assign(name=names), areas, names=FULL_NAMES).frame
        for done, names in spellings(villages).items()
    }
    counted = {done: tally(frame, villages["code"]) for done, frame in found.items()}
    for done, counts in counted.items():
        record_property(done, counts)
    bare = {"right": ROWS - 2 * SAME_STEM - 3, "ambiguous": 2 * SAME_STEM, "unmatched": 3, "wrong": 0}
    assert counted.pop("bare stem") == bare
    # Names that are figures one after the other (八一) may be a number or none: they are not matched to 81.
    assert counted.pop("figures") == {"right": ROWS - 4, "ambiguous": 0, "unmatched": 4, "wrong": 0}
    assert {done: counts for done, counts in counted.items() if counts["right"] != ROWS} == {}
    lost = found["bare stem"]["how"].eq("unmatched")
    assert all(
        code in listed
        for code, listed in zip(villages.loc[lost, "code"], found["bare stem"].loc[lost, "candidates"], strict=True)
    )


@pytest.mark.parametrize("known", [{"county": "area"}, {}], ids=["county known", "nothing known"])
def test_no_spelling_is_found_wrong_without_the_township(villages, areas, record_property, known):
    for done, names in spellings(villages).items():
        found = match_areas(villages.assign(name=names), areas, names={**known, "community": "name"}).frame
        counted = tally(found, villages["code"])
        record_property(done, counted)
        assert counted["wrong"] == 0, done
        assert counted["unmatched"] <= 4, done
        assert counted["ambiguous"] <= (94 if known else 1023), done


def test_short_counties_and_townships(villages, areas):
    """As people say them: 元江县, 元江; 小石桥乡, 小石桥; 玉兴街道办事处."""
    people = "(?:(?:彝|傣|哈尼|拉祜|佤|布朗|苗|白|回|瑶|傈僳|德昂|蒙古)族)+"
    county = villages["area"].str.replace(people + "自治县", "县", regex=True)
    county = county.replace({"益阳市大通湖管理区": "大通湖区", "湖南益阳高新技术产业园区": "益阳高新区"})
    township = villages["street"].str.replace(people + "乡$", "乡", regex=True)
    office = township.str.replace("街道$", "街道办事处", regex=True).str.replace("(?<=[镇乡])$", "人民政府", regex=True)
    for counties, townships in (
        (county, township),
        (county.where(county.str.len() < 3, county.str.replace("(?<!高新)[县区市]$", "", regex=True)), township),
        (county, office),
        (villages["cityCode"].map(CITIES) + county.str.removeprefix("益阳"), county + township),
        (county, township.str.replace("(?:街道|镇|乡)$", "", regex=True)),
    ):
        found = match_areas(villages.assign(area=counties, street=townships), areas, names=FULL_NAMES).frame
        assert tally(found, villages["code"]) == {"right": ROWS, "ambiguous": 0, "unmatched": 0, "wrong": 0}


def test_geonames_places_by_their_codes_and_counties(real_data, areas):
    places = gpd.read_file(real_data / "china_admin" / "geonames_places.gpkg")
    by_county = match_areas(places, areas, names={"county": "county"}).frame
    named = places["county"].notna()
    assert (by_county["area_id"] == places["code"].astype(str))[named].all()
    by_code = match_areas(places, areas, code="towncode", names={"county": "county"}).frame
    given = places["towncode"].notna()
    assert by_code["how"][given].eq("code").all()


def test_a_hundred_thousand_rows_take_about_a_second(villages, areas, record_property):
    rows = villages.loc[np.resize(np.arange(ROWS), 100_000)].reset_index(drop=True)
    areas.keys  # noqa: B018  made once for many tables
    began = time.process_time()
    found = match_areas(rows, areas, code="code", names=FULL_NAMES)
    seconds = time.process_time() - began
    record_property("seconds", round(seconds, 2))
    assert found.frame["how"].eq("code").all()
    assert seconds < 5
