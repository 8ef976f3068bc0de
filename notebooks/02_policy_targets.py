# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 按政策文件逐条判定：从目标到缺口
#
# 用虚构城市“云川市”和玉溪的规则包：看一条目标、判定、换口径、列缺口。
#
# *Targets of a document, clause by clause: judge the made-up city by Yuxi's pack, change a reading, list what is lacking.*

# %%
import json
from datetime import date

import carecircle as cc

yuxi = cc.load_pack("yuxi")
towns = yuxi.target("YX-03")
print(towns.quote)
print(towns.description.zh)

# %% [markdown]
# ## 1. 判定
#
# 证据：设施名单（含停业的）、区域、人口、路网、县里填好的表。
#
# *The evidence: the whole registry, areas, people, a network, and what the counties filled in.*

# %%
areas = cc.read_areas([cc.demo_file(level) for level in ("counties", "townships", "communities")])
evidence = cc.Evidence(
    facilities=cc.read_facilities(cc.demo_file("facilities"), datum="gcj02", areas=areas),
    areas=areas,
    demand=cc.read_population(cc.demo_file("people")),
    as_of=date(2026, 6, 30),
    network=cc.read_network(cc.demo_file("roads"), profile="elder"),
    inputs=cc.read_inputs_book(cc.demo_file("inputs"), [yuxi]),
)
judgement = cc.assess(yuxi, evidence)
judgement

# %%
table = judgement.to_frame()
table.loc[table["area_id"] == "", ["target_id", "numerator", "denominator", "threshold", "shortfall", "verdict"]]

# %% [markdown]
# ## 2. 一条目标的各种口径
#
# “覆盖率”有三义，其余口径逐项变动；数字都是精确的分子和分母。
#
# *Other readings of one target, one changed at a time; every number is an exact pair.*

# %%
communities = judgement.outcome("YX-05")
print("has one", communities.tally.numerator, "/", communities.tally.denominator, communities.verdict.word)
for line in communities.by_reading():
    print(line.reading, line.tally.numerator, "/", line.tally.denominator, line.verdict.word)

# %% [markdown]
# ## 3. 一刻钟服务圈的数值
#
# 原文没有达标率：给出 5、10、15 分钟，几种步速，60 岁以上人口、居民点和用地。
#
# *The text has no percentage: values for 5, 10 and 15 minutes, several speeds and measures.*

# %%
circle = judgement.outcome("YX-20").circle.query("area_id == '' and measure == 'people_60'")
circle.assign(share=circle["covered"] / circle["total"]).pivot(index="speed_mps", columns="minutes", values="share").round(3)

# %% [markdown]
# ## 4. 缺口
#
# *What is lacking, by name and rank.*

# %%
gaps = cc.find_gaps([judgement], evidence.facilities, areas, evidence.demand, evidence.network)
gaps[["rank", "target_id", "gap", "township", "community", "people_60", "nearest_name", "minutes", "measure"]].head(10)

# %% [markdown]
# ## 5. 交出去的材料
#
# 计划文件写明规则包，`cc.run` 一次写出看板、表格、报告和缺口清单。
#
# *With packs in the plan, `cc.run` writes the dashboard, the tables, the report and the list of gaps.*

# %%
settings = {"policy.packs": '["yuxi"]', "policy.inputs": json.dumps(str(cc.demo_file("inputs"))), "output.figures": "false"}
study = cc.run(cc.load_plan(cc.demo_file("plan"), settings), out="results/notebook")
print(study.judgements[0].missed_hard())
