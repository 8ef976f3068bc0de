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
# # 一刻钟养老服务圈：从数据到结论
#
# 用内置的虚构城市“云川市”走一遍：读数据、看路网、算时间、画服务圈、统计覆盖、换一种步速再看。计算全程不需要联网；`.explore()` 的网页脚本在浏览器里要联网，内网请看最后写出的 map.html。
#
# *The fifteen-minute circle, from files to findings, on the made-up demo city. The computing needs no network; the pages of `.explore()` load their scripts from one (the map.html written at the end does not).*
#
# 打开方式 / open it: `jupyter lab`，右键本文件选 Notebook；需要 `pip install -e ".[notebooks]"`。

# %%
import pandas as pd

import carecircle as cc

NO_TILES = {"tiles": None, "prefer_canvas": True}  # 不用在线底图 / no background from the network

# %% [markdown]
# ## 1. 读数据
#
# 设施台账是 GCJ-02 坐标的 Excel；停业、在建、拟建的不计入。
#
# *The registry is an Excel sheet in GCJ-02; closed and planned facilities do not count.*

# %%
registry = cc.read_facilities(cc.demo_file("facilities"), datum="gcj02")
facilities = cc.open_facilities(registry)
areas = cc.read_areas([cc.demo_file(level) for level in ("counties", "townships", "communities")])
people = cc.read_population(cc.demo_file("people"))
print(registry.attrs["notes"])
print(f"{len(registry)} 家设施，{len(facilities)} 家计入；{len(areas)} 个区域；60 岁及以上 {people['people_60'].sum():,.0f} 人")

# %%
network = cc.read_network(cc.demo_file("roads"), profile="elder")
network

# %% [markdown]
# ## 2. 看路网
#
# 孤岛（与主路网不连通的路段）标为另一种颜色。放大看看它在哪里。
#
# *Islands, streets that are joined to nothing, have another colour.*

# %%
network.to_frame()[["highway", "metres", "island", "geometry"]].explore("island", **NO_TILES)

# %% [markdown]
# ## 3. 最近的设施和出行时间
#
# 时间由三段组成：人到路、沿路走、路到设施。`snap_metres` 是第一段的长度：数值很大时多半是缺路。
#
# *A time has three parts: to the street, along it, and to the facility. A large `snap_metres` mostly means a missing road.*

# %%
nearest = people.join(cc.nearest(people, facilities, network))
nearest[["demand_id", "people_60", "facility_id", "minutes", "metres", "snap_metres"]].head()

# %%
nearest["minutes"].describe().round(1)

# %% [markdown]
# 15 分钟内每个点能到的全部设施（长表），和每个点有几家可选：
#
# *All facilities that each point reaches in 15 minutes, and how many there are to choose from:*

# %%
times = cc.travel_times(people, facilities, network, minutes=15)
times.head()

# %%
choices = times.dropna(subset="facility_id").groupby("point_id").size().reindex(people["demand_id"], fill_value=0)
choices.value_counts().sort_index().rename("居民点 points").rename_axis("可选设施 facilities").to_frame().T

# %% [markdown]
# ## 4. 服务圈：5、10、15 分钟
#
# 面只是给眼睛看的；谁在圈内，按每个居民点自己的时间判断。
#
# *Polygons are for the eye; who is within reach is judged by each point's own time.*

# %%
circles = cc.isochrones(facilities, network, minutes=[5, 10, 15], union=True)
together = circles[circles["facility_id"] == "all"].sort_values("minutes", ascending=False)
together.explore("minutes", cmap="viridis", **NO_TILES)

# %% [markdown]
# 一家设施 15 分钟圈的面积与同半径圆之比（`shed_ratio`）。面只画到街道两侧 25 米，所以比值本来就远小于 1，只宜在设施之间比较：
#
# *The area over that of the circle as the crow flies. Polygons reach only 25 m off the street, so the ratio is far below 1;
# use it to compare facilities.*

# %%
quarter = circles[(circles["minutes"] == 15) & (circles["facility_id"] != "all")]
quarter.set_index("facility_id")[["reached_km", "area_km2", "shed_ratio"]].describe().loc[["min", "50%", "max"]].round(2)

# %% [markdown]
# ## 5. 换一种步速
#
# 0.7（高龄）、0.8（老年人）、1.0 米/秒（低龄老人）。同一条路，圈的大小差很多。
#
# *The oldest, older people, and the younger of them: the same streets, very different circles.*

# %%
speeds = {speed: cc.read_network(cc.demo_file("roads"), profile=cc.profile("elder", speed_mps=speed)) for speed in (0.7, 0.8, 1.0)}
union = pd.concat([
    cc.isochrones(facilities, at_speed, minutes=[5, 10, 15], union=True).query("facility_id == 'all'").assign(speed=speed)
    for speed, at_speed in speeds.items()
])
union.pivot_table(index="minutes", columns="speed", values="area_km2").round(2)

# %% [markdown]
# ## 6. 各乡镇（街道）的覆盖
#
# 统计表只有“覆盖数”和“总数”，可以相加；比例最后才算。
#
# *The tallies are pairs (covered, total) that add up; a share is only made at the end.*


# %%
def township_share(at_speed):
    """Share of people aged 60+ within 15 minutes, by township."""
    cover = cc.coverage(people, facilities, areas, at_speed, minutes=[15], by_kind=False)
    rows = cover[(cover["level"] == "township") & (cover["measure"] == "people_60")].set_index("name")
    return rows["covered"] / rows["total"]


by_speed = pd.DataFrame({speed: township_share(at_speed) for speed, at_speed in speeds.items()})
(by_speed * 100).round(1).sort_values(0.8)

# %%
axes = by_speed.sort_values(0.8).set_axis([f"{speed:g} m/s" for speed in by_speed], axis=1).reset_index(drop=True).plot.barh(
    figsize=(8, 5), xlabel="share of people aged 60+ within 15 min", ylabel="township, from the least covered at 0.8 m/s")

# %% [markdown]
# 坝区的街道和稻溪镇对步速很敏感：从 0.7 到 1.0 米/秒，覆盖率升高 19 到 32 个百分点。山区乡镇几乎不变：那里缺的是设施，不是步速。
# 所以报告结论时一定要写明步速。
#
# *In the basin the share rises by 19 to 32 points from 0.7 to 1.0 m/s; in the mountains it hardly moves: what is missing
# there is facilities, not speed. Always say which speed a result is for.*

# %% [markdown]
# ## 7. 一次跑完
#
# 以上全部，加上地图、工作簿和 GIS 图层，就是一份计划文件：
#
# *All of this, with the map, the workbook and layers for a GIS, is one plan file:*

# %%
study = cc.run(cc.demo_file("plan"), out="results/notebook")
study

# %%
study.explore(**NO_TILES)
