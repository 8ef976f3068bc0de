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
# # 新建在哪里：候选点、最大覆盖、达标所需最少
#
# 用虚构城市“云川市”：先列候选点，再问四个问题，最后写出网页和表4。
#
# *Where new centres go: candidates first, then four questions, and a page with 表4 at the end. The city is made up.*

# %%
import pandas as pd

import carecircle as cc
from carecircle import siting

areas = cc.read_areas([cc.demo_file(level) for level in ("counties", "townships", "communities")])
network = cc.read_network(cc.demo_file("roads"), profile="elder")
facilities = cc.open_facilities(cc.read_facilities(cc.demo_file("facilities"), datum="gcj02", areas=areas))
people = cc.read_population(cc.demo_file("people"))

# %% [markdown]
# ## 1. 候选点
#
# 闲置资产清单在前，居民聚居点在后；落在禁建范围内的、面积太小的排除，并写明原因。
#
# *The list of idle property first, then the middles of settlements; what lies in exclusion areas or is too small is left out,
# and says why.*

# %%
idle = cc.read_candidates(cc.demo_file("idle"), datum="gcj02", areas=areas)
proposed = siting.propose_candidates(people, network, areas, sources=["settlement"])
screened = siting.screen_candidates(
    pd.concat([idle, proposed], ignore_index=True),
    exclusions=siting.read_exclusions(cc.demo_file("exclusions"), soft=["洪水淹没区"]),
    min_floor_m2=200,
    network=network,
)
print(len(screened.kept), "kept,", len(screened.dropped), "left out")
screened.dropped[["name", "why"]].head()

# %%
reach = siting.site_reach(people, screened.kept, facilities, network, minutes=15)
reach

# %% [markdown]
# ## 2. 再建五个，建在哪里覆盖的人最多
#
# 每个方案都说明有多可靠：`optimal` 表示已证明没有更好的，否则给出差距的上限。
#
# *Every plan says how sure it is: `optimal` is proven; otherwise the gap to what could be possible is given.*

# %%
options = siting.SiteOptions(seconds=20)
five = siting.maximum_coverage(reach, sites=5, options=options, alternatives=2)
print(five)
five.chosen[["rank", "name", "source", "people_60", "covered", "total", "reason"]]

# %%
five.alternatives

# %% [markdown]
# ## 3. 要让 75% 的老年人 15 分钟内到达，最少建几个
#
# *How few are enough for 75 %?*

# %%
enough = siting.reach_target(reach, share=siting.Share(75), options=options)
print(enough)

# %%
curve = five.curve.assign(rate=five.curve["covered"] / five.curve["total"])
axes = curve[curve["sites"] <= 60].plot(x="sites", y="rate", legend=False, grid=True)
axes.axhline(0.75, linestyle="--")

# %% [markdown]
# ## 4. 走得慢的人呢
#
# 同样的五个点，换成 0.70、1.00、1.11 米/秒再看一遍。
#
# *The same five for slower and faster walkers.*

# %%
seen = siting.variants(people, facilities, five.chosen, network, minutes=15)
seen[seen["demand"] == "people_60"].assign(rate=lambda rows: (rows["covered"] / rows["total"]).round(3))

# %% [markdown]
# ## 5. 写出结果
#
# 计划文件里写上问题，`carecircle site`（或 `run`）就写出网页、表4、曲线和图层。
#
# *With a problem in the plan, `carecircle site` (or `run`) writes the page, 表4, the curve and layers.*

# %%
question = {"siting.problem": "maximum_coverage", "siting.sites": "5", "siting.grid_metres": "1000", "siting.seconds": "20"}
plan = cc.load_plan(cc.demo_file("plan"), question)
study = cc.run(plan, out="results/notebook")
study.sites
