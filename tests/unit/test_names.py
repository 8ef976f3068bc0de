"""Names of units and facilities: what is the same name in another spelling, and what is another name."""

import numpy as np
import pandas as pd
import pytest

from carecircle.china.names import KEYS, facility_keys, is_word, name_keys, once_each, plain_name, provinces
from carecircle.schema import LEVELS


def stems(level, *names):
    keys = name_keys(pd.Series(names, dtype=object), level)
    return list(zip(keys["stem"], keys["word"], strict=True))


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("玉兴街道", "玉兴街道"),
        (" 玉 兴　街道\t", "玉兴街道"),
        ("玉興街道", "玉兴街道"),
        ("玉溪市-红塔区/玉兴街道", "玉溪市红塔区玉兴街道"),
        ("第１社区〔东〕", "第1社区(东)"),
        ("ＡＢ小区", "ab小区"),
        ("荷花社区()", "荷花社区"),
        ("荷花社区\u200b", "荷花社区"),
        ("--", ""),
        ("🏠", ""),
        ("乾安县", "乾安县"),
    ],
)
def test_typography(typed, plain):
    assert plain_name(typed) == plain
    assert plain_name(plain) == plain


@pytest.mark.parametrize(
    ("level", "spellings"),
    [
        (
            "community",
            [
                "荷花社区居民委员会",
                "荷花社区居委会",
                "荷花社区",
                "荷花居委会",
                "荷花居民委员会",
                "荷花社区居委",
                "荷花社区（筹）",
            ],
        ),
        ("community", ["大村村民委员会", "大村村村民委员会", "大村村委会", "大村", "大村村", "大村行政村", "大村委会"]),
        ("community", ["第一社区", "第1社区", "第01社区", "第１社区居委会", "第一社區居民委員會"]),
        ("community", ["六零一社区", "六〇一社区", "601社区"]),
        ("community", ["十二村", "12村", "一十二村委会"]),
        ("community", ["第八一社区", "第81社区", "第八十一社区"]),
        ("community", ["八一社区", "八一居委会"]),
        ("township", ["玉兴街道", "玉兴街道办事处", "玉兴街道办", "玉興街道辦事處"]),
        ("township", ["大营镇", "大营镇人民政府", "大营镇政府"]),
        ("township", ["高大傣族彝族乡", "高大乡", "高大乡人民政府", "高大民族乡"]),
        ("township", ["兴蒙蒙古族乡", "兴蒙乡"]),
        ("county", ["元江哈尼族彝族傣族自治县", "元江县", "元江自治县"]),
        ("county", ["鄂温克族自治旗", "鄂温克旗"]),
        ("county", ["和布克赛尔蒙古自治县", "和布克赛尔县"]),
        ("county", ["大通湖管理区", "大通湖区"]),
        ("county", ["益阳高新技术产业园区", "益阳高新区", "益阳高新技术产业开发区"]),
        ("city", ["楚雄彝族自治州", "楚雄州"]),
        ("city", ["巴音郭楞蒙古自治州", "巴音郭楞州"]),
    ],
)
def test_spellings_of_one_name(level, spellings):
    assert len(set(stems(level, *spellings))) == 1, stems(level, *spellings)


@pytest.mark.parametrize(
    ("level", "one", "other"),
    [
        ("township", "玉兴街道", "玉兴路街道"),
        ("township", "孟定镇", "孟定农场"),
        ("township", "南洲镇", "南洲乡"),
        ("community", "双江社区", "双江村"),
        ("community", "新村社区", "新社区"),
        ("community", "第一社区", "第二社区"),
        ("community", "第一社区", "一社区"),
        ("community", "八一社区", "八十一社区"),
        ("community", "八一社区", "81社区"),
        ("community", "二三社区", "二十三社区"),
        ("community", "一、二社区", "十二社区"),
        ("community", "一二三四社区", "一千二百三十四社区"),
        ("community", "两河村", "二河村"),
        ("community", "百家村", "100家村"),
        ("county", "伊宁市", "伊宁县"),
        ("county", "澄江县", "澄江市"),
    ],
)
def test_different_names_stay_different(level, one, other):
    first, second = stems(level, one, other)
    assert first != second


def test_the_parts_of_a_name():
    keys = name_keys(
        pd.Series(["第三 村民委员会（原东风村）", "居委会", "(东风)", None, 5, "—"], dtype=object), "community"
    )
    assert list(keys.columns) == list(KEYS)
    assert keys.loc[0].tolist() == ["第三村民委员会(原东风村)", "第3村民委员会", "第3", "村", "原东风村"]
    assert keys.loc[1, ["stem", "word"]].tolist() == ["居委会", ""]
    assert keys.loc[2].tolist() == ["(东风)", "东风", "东风", "", ""]
    assert keys.loc[3:].isna().all(axis=None)


def test_what_all_of_a_name_is_stays_whole():
    assert stems("county", "东乡族自治县", "云县", "县") == [("东乡", "县"), ("云", "县"), ("县", "")]
    assert stems("community", "村村", "社区", "新村") == [("村", "村"), ("社区", ""), ("新", "村")]


@pytest.mark.parametrize(
    ("number", "figures"),
    [
        ("一百零一", "101"),
        ("一百二十", "120"),
        ("十", "10"),
        ("二十", "20"),
        ("三百", "300"),
        ("两百", "200"),
        ("一千零一", "1001"),
        ("一二一", "一二一"),
        ("第一二一", "第121"),
        ("一〇一", "101"),
        ("第八一", "第81"),
        ("八一", "八一"),
        ("八", "8"),
        ("〇", "0"),
        ("007", "7"),
        ("百", "百"),
        ("千", "千"),
        ("两", "两"),
        ("1百", "1百"),
        ("十十", "十十"),
    ],
)
def test_numbers(number, figures):
    assert name_keys(pd.Series([number + "号路"]), "community")["bare"][0] == figures + "号路"


def test_words_and_provinces():
    assert is_word("街道办", "township")
    assert not is_word("街道办", "community")
    assert provinces()["云南省"] == provinces()["云南"] == "53"
    assert len(set(provinces().values())) == 34
    names = pd.Series(["四川省", "四川"], dtype=object)
    assert [provinces()[bare] for bare in name_keys(names, "city")["bare"]] == ["51", "51"]


def test_facilities():
    same = pd.Series(["红塔区（玉兴）福寿 养老院", "红塔区玉兴福寿养老院", "紅塔區玉興福壽養老院"])
    assert len(set(facility_keys(same))) == 1
    other = pd.Series(["福寿养老院", "福寿养老服务有限公司", "福寿养老有限责任公司", "福寿养老院二部"])
    assert len(set(facility_keys(other))) == 4
    assert facility_keys(pd.Series([None, "", "（）", np.nan], dtype=object)).isna().all()


def test_once_each_evaluates_equal_texts_once_and_keeps_the_index():
    seen = []
    found = once_each(
        pd.Series(["a", None, "a", "b", 3], index=list("vwxyz"), dtype=object), lambda t: seen.append(t) or t
    )
    assert seen == ["a", "b"]
    assert found.to_dict() == {"v": "a", "w": None, "x": "a", "y": "b", "z": None}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["\ud800", "\x00", "((((", "))", "9" * 5000, "a" * 10_000, "İ", "ﬃ", "{0}", "%s", "̈"])
def test_no_text_makes_it_raise(name, level):
    assert len(name_keys(pd.Series([name], dtype=object), level)) == 1
    assert plain_name(plain_name(name)) == plain_name(name)
