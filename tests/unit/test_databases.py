"""PostGIS through a connection string, against a real server that the tests start in a folder of their own."""

import os
import shutil
import socket
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from carecircle import read_network
from carecircle.errors import InputError, require_file
from carecircle.language import use_language
from carecircle.sources import read_areas, read_facilities, read_points, read_population, read_table
from carecircle.sources.layers import databases
from carecircle.sources.layers.databases import is_database, open_database, read_address, without_password
from carecircle.sources.layers.formats import local_file
from carecircle.sources.layers.reading import open_layer, read_layer

SECRET = "geheim@7"  # noqa: S105
IN_URL = "geheim%407"
INJECTION = 'x"; DROP TABLE "镇"; --'

SETUP = """
CREATE EXTENSION postgis;
CREATE TABLE "养老机构" ("机构编号" text PRIMARY KEY, "机构名称" text, "床位数" integer, "电话" text,
    "面积" numeric(8, 1), "建成" date, "标签" jsonb, geom geometry(Point, 4543));
INSERT INTO "养老机构" VALUES
    ('B', '荷花养老院', NULL, '13800138000', 20.5, '2020-05-01', '{"a": 1}', ST_Transform(
        ST_SetSRID(ST_MakePoint(102.6, 24.4), 4490), 4543)),
    ('A', '玉兴养老院', 30, '13900139000', 10.5, NULL, NULL, ST_Transform(
        ST_SetSRID(ST_MakePoint(102.5, 24.3), 4490), 4543));
CREATE TABLE "镇" (id serial PRIMARY KEY, "名称" text, "面" geometry(MultiPolygon, 4490), "点" geometry(Point, 4490));
INSERT INTO "镇" ("名称", "面", "点") VALUES ('大营', ST_Multi(ST_MakeEnvelope(102, 24, 103, 25, 4490)),
    ST_SetSRID(ST_MakePoint(102.5, 24.5), 4490));
CREATE TABLE plain (code text, n integer);
INSERT INTO plain VALUES ('530402001', 2), ('530402000', 1);
CREATE TABLE unsaid (n integer, shape geometry);
INSERT INTO unsaid VALUES (1, ST_MakePoint(1, 2)), (2, NULL);
CREATE TABLE mixed (n integer, shape geometry);
INSERT INTO mixed VALUES (1, ST_SetSRID(ST_MakePoint(1, 2), 4326)), (2, ST_SetSRID(ST_MakePoint(1, 2), 4490));
CREATE TABLE world (n integer, place geography(Point, 4326));
INSERT INTO world VALUES (1, ST_MakePoint(102.5, 24.3)::geography);
CREATE TABLE arcs (n integer, shape geometry(CurvePolygon, 4490));
INSERT INTO arcs VALUES (1, ST_GeomFromEWKT('SRID=4490;CURVEPOLYGON(CIRCULARSTRING(0 0, 1 1, 2 0, 1 -1, 0 0))'));
CREATE TABLE local (n integer, shape geometry(Point, 990001));
CREATE TABLE heights (n integer, shape geometry(PointZ, 4490));
INSERT INTO heights VALUES (1, ST_SetSRID(ST_MakePoint(102, 24, 1900), 4490));
CREATE SCHEMA "规划 局";
CREATE TABLE "规划 局"."镇" (n integer, geom geometry(Point, 4490));
CREATE TABLE "<injection>" (n integer, "g""; --" geometry(Point, 4490));
INSERT INTO "<injection>" VALUES (7, ST_SetSRID(ST_MakePoint(102.5, 24.3), 4490));
CREATE TABLE hidden (n integer, geom geometry(Point, 4490));
CREATE VIEW endless AS SELECT 1 AS n, pg_sleep(30)::text AS t, ST_SetSRID(ST_MakePoint(1, 2), 4490) AS geom;
CREATE ROLE reader LOGIN PASSWORD '<secret>';
GRANT USAGE ON SCHEMA "规划 局" TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public, "规划 局" TO reader;
GRANT ALL ON plain TO reader;
REVOKE ALL ON hidden FROM reader;
""".replace("<injection>", INJECTION.replace('"', '""')).replace("<secret>", SECRET)


def programs():
    """The folder of the server's programs, None when it is not installed."""
    found = shutil.which("initdb")
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *([Path(found).resolve().parent] if found else [])]
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server():
    """Start a server with PostGIS; gives its port."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (extra postgis)")
    pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed (extra postgis)")
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("PostgreSQL is not installed")
    folder, port = Path(tempfile.mkdtemp(prefix="carecircle-pg-")), free_port()
    as_user = []
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # the server refuses to run as root
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("there is no user postgres to run the server")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(program, *arguments, **options):
        return subprocess.run(
            [*as_user, bin_folder / program, *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
            **options,
        )

    data = folder / "data"
    run("initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "--auth=trust")
    (data / "pg_hba.conf").write_text(
        "local all all trust\nhost all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20"
    run("pg_ctl", "-D", data, "-o", settings, "-l", folder / "log", "-w", "start")
    try:
        with psycopg.connect(
            f"host=127.0.0.1 port={port} user=postgres dbname=postgres", autocommit=True
        ) as connection:
            if not connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'").fetchone():
                pytest.skip("PostGIS is not installed")
            connection.execute(SETUP)
        yield port
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server, monkeypatch):
    """Give a connection string for a table; the password is in the environment."""
    monkeypatch.setenv("PGPASSWORD", SECRET)

    def make(table, *more, user="reader"):
        words = "&".join([f"table={table}", *more])
        return f"postgresql://{user}@127.0.0.1:{server}/postgres?{words}"

    return make


def refused(call):
    """Return the keys of the problems that a call ends in, and their text."""
    with pytest.raises(InputError) as error, use_language("en"):
        call()
    return [found.key for found in error.value.problems], str(error.value)


def test_what_a_connection_string_is():
    assert is_database("postgresql://u@h/d?table=t")
    assert is_database("PostgreSQL://u@h/d?table=t")
    assert is_database("postgres://u@h/d?table=t")
    assert is_database("postgresql+psycopg://u@h/d?table=t")
    assert not any(map(is_database, ["a.gpkg", Path("postgresql:/u@h/d"), "http://h/a.geojson", None]))


def test_a_table_with_chinese_names_and_its_own_system(url):
    source = open_database(url("public.养老机构"))
    # In the order of the primary key; telephone numbers never leave the database.
    assert list(source.frame.columns) == ["机构编号", "机构名称", "床位数", "面积", "建成", "标签", "geometry"]
    assert source.frame["机构名称"].tolist() == ["玉兴养老院", "荷花养老院"]
    assert source.frame["床位数"].isna().tolist() == [False, True]
    assert source.frame["面积"].tolist() == [10.5, 20.5]
    assert source.frame["标签"].fillna("-").tolist() == ["-", '{"a": 1}']
    assert source.frame.crs.to_epsg() == 4543
    assert source.rows.tolist() == [1, 2]
    assert source.sheet == "public.养老机构"
    assert "电话" in source.notes[0]
    layer = read_layer(url("养老机构"))
    np.testing.assert_allclose(layer.geometry.x, [102.5, 102.6], atol=1e-8)
    np.testing.assert_allclose(layer.geometry.y, [24.3, 24.4], atol=1e-8)


def test_several_geometries_have_to_be_chosen(url):
    keys, said = refused(lambda: open_database(url("public.镇")))
    assert keys == ["database_several_geometries"]
    assert "面" in said
    assert "点" in said
    town = open_database(url("public.镇", "geom=面")).frame
    assert town.geom_type.tolist() == ["MultiPolygon"]
    assert list(town.columns) == ["id", "名称", "geometry"]
    assert town.crs.to_epsg() == 4490
    assert open_database(url("public.镇", "geom=点")).frame.geometry[0] == shapely.Point(102.5, 24.5)
    assert refused(lambda: open_database(url("public.镇", "geom=线")))[0] == ["database_other_geometry"]


def test_a_name_in_two_schemas_has_to_be_whole(url):
    keys, said = refused(lambda: open_database(url("镇")))
    assert keys == ["database_several_tables"]
    assert "规划 局.镇" in said
    assert len(open_database(url("规划 局.镇")).frame) == 0


def test_a_table_without_geometry_is_a_table(url):
    source = open_layer(url("plain"))
    assert not isinstance(source.frame, gpd.GeoDataFrame)
    # Without a primary key, rows are ordered by all columns.
    assert source.frame["code"].tolist() == ["530402000", "530402001"]
    assert refused(lambda: read_layer(url("plain")))[0] == ["wrong_geometry"]


def test_a_system_that_is_not_said_has_to_be_given(url):
    assert open_database(url("unsaid")).frame.crs is None
    assert refused(lambda: read_layer(url("unsaid")))[0] == ["missing_crs"]
    layer = read_layer(url("unsaid"), crs=4490)
    assert layer.geometry.tolist() == [shapely.Point(1, 2)]
    assert "1" in layer.attrs["notes"][0]
    keys, said = refused(lambda: open_database(url("mixed")))
    assert keys == ["database_srids"]
    assert "4326、4490" in said


def test_a_system_the_database_does_not_know(url):
    keys, said = refused(lambda: open_database(url("local")))
    assert keys == ["unknown_crs"]
    assert "990001" in said


def test_geography_and_arcs_and_heights(url):
    assert read_layer(url("world")).geometry.tolist() == [shapely.Point(102.5, 24.3)]
    circle = open_database(url("arcs")).frame.geometry[0]
    assert circle.area == pytest.approx(np.pi, rel=2e-3)
    source = open_layer(url("heights"))
    assert not source.frame.has_z.any()
    assert [found.key for found in source.findings] == ["heights_dropped"]


@pytest.mark.parametrize(
    "table",
    [
        "plain; DROP TABLE plain",
        "plain'; DROP TABLE plain; --",
        'plain" UNION SELECT passwd FROM pg_shadow --',
        "plain WHERE 1=1",
        "(SELECT 1) t",
        "pg_catalog.pg_class",
        "information_schema.tables",
        "pg_shadow",
        "pl%25in",
        "_lain",
        "\\",
        "镇%00",
    ],
)
def test_names_are_names_and_never_sql(url, table):
    keys, _ = refused(lambda: open_database(url(table)))
    assert keys in (["database_other_table"], ["database_error"])
    assert open_database(url("plain")).frame["n"].tolist() == [1, 2]


def test_a_table_that_is_called_like_an_attack_is_read(url):
    source = open_database(url(quote(INJECTION)))
    assert source.frame["n"].tolist() == [7]
    assert source.frame.geometry[0] == shapely.Point(102.5, 24.3)
    assert len(open_database(url("public.镇", "geom=面")).frame) == 1
    assert refused(lambda: open_database(url("plain", "geom=" + quote('n"; DROP TABLE plain; --'))))[0] == [
        "database_other_geometry"
    ]


@pytest.mark.parametrize(
    "option", ["where=1=1", "sql=SELECT 1", "options=-c%20x=y", "host=evil", "table=b", "password=p"]
)
def test_no_other_options(url, option):
    keys, said = refused(lambda: open_database(url("plain", option)))
    assert keys == ["database_option"]
    assert "password=p" not in said


def test_the_connection_is_read_only(url):
    """Even with the right to write, nothing can be written."""
    with databases._connection(read_address(url("plain"))) as connection:
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "5min"
    with pytest.raises(InputError), databases._connection(read_address(url("plain"))) as connection:
        connection.exec_driver_sql("DELETE FROM plain")
    assert len(open_database(url("plain")).frame) == 2


def test_slow_tables_are_given_up(url, monkeypatch):
    monkeypatch.setattr(databases, "STATEMENT_SECONDS", 1)
    assert refused(lambda: open_database(url("endless")))[0] == ["database_slow"]


def test_what_the_server_refuses(url, server, monkeypatch):
    assert refused(lambda: open_database(url("nothing")))[0] == ["database_other_table"]
    keys, said = refused(lambda: open_database(url("hidden")))
    assert keys == ["database_other_table"]
    assert "public.养老机构" in said
    assert "hidden、" not in said
    keys, said = refused(lambda: open_database(url("x").partition("?")[0]))
    assert keys == ["database_no_table"]
    assert "public.养老机构" in said
    assert refused(lambda: open_database(url("x").replace("/postgres?", "/nirgends?")))[0] == ["database_missing"]
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert refused(lambda: open_database(url("plain")))[0] == ["database_login"]
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    assert refused(lambda: open_database(url("plain")))[0] == ["database_login"]
    assert refused(lambda: open_database(url("plain", user="nobody")))[0] == ["database_login"]
    closed = url("plain").replace(f":{server}/", f":{free_port()}/")
    assert refused(lambda: open_database(closed))[0] == ["database_unreachable"]
    assert refused(lambda: open_database(closed.replace("127.0.0.1", "host.invalid")))[0] == ["database_unreachable"]


def test_a_password_in_the_string_works_and_is_never_shown(server, monkeypatch, caplog):
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    caplog.set_level(0)
    good = f"postgresql://reader:{IN_URL}@127.0.0.1:{server}/postgres?table=plain"
    source = open_database(good)
    assert len(source.frame) == 2
    seen = [repr(source), caplog.text]
    for bad in (
        good.replace("=plain", "=nothing"),
        good.replace("reader:", "nobody:"),
        good.replace("/postgres?", "/nirgends?"),
        good.replace("?table", "?where=1&table"),
        good.replace(f":{server}", ":port"),
        good.replace(f":{server}", f":{free_port()}"),
        good.replace("127.0.0.1", "host.invalid"),
        good.replace("%40", "/"),
        good + "&geom=x",
    ):
        with pytest.raises(InputError) as error:
            open_database(bad)
        seen += [
            str(error.value),
            repr(error.value),
            repr(error.value.__cause__),
            repr(error.value.__context__),
            repr(error.value.problems),
        ]
        seen += [str(problem.as_dict()) for problem in error.value.problems]
    assert [text for text in seen if "geheim" in text] == []


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize("table", ["public.osm", "public.tif", "public.homes"])
def test_a_table_is_no_file_whatever_it_is_called(scheme, table):
    source = f"{scheme}://u:geheim@127.0.0.1:1/gis?table={table}"
    for call in (read_facilities, read_points, read_areas, read_population):
        found, said = refused(partial(call, source))
        assert found in (["database_extra"], ["database_unreachable"])
        assert "geheim" not in said
        assert f"{scheme}://u:***@127.0.0.1:1/gis?table={table}" in said


@pytest.mark.parametrize(
    "source",
    [
        "mysql://u:geheim@h/d?table=homes",
        "https://u:geheim@h/a.geojson",
        "ftp://u:ge/geheim@x@h/a.tif",
        "https://h/a.csv?password=geheim",
        Path("postgresql://u:geheim@h/d?table=public.osm"),
        Path("/plans") / "postgresql://u:geheim@h/d?table=public.tif",
        "postgres:/u:geheim@h/d\n.csv",
    ],
)
def test_no_message_shows_a_password_of_another_address(source):
    calls = (local_file, require_file, read_table, read_layer, read_facilities, read_areas, read_population)
    for call in (*calls, read_network):
        with pytest.raises(InputError) as error:
            call(source)
        shown = [str(error.value), repr(error.value), *(str(found.as_dict()) for found in error.value.problems)]
        assert [text for text in shown if "geheim" in text] == []
        assert "***" in shown[0]


@given(st.text(max_size=30), st.text(max_size=20))
def test_masking_hides_every_password(password, rest):
    shown = without_password(f"postgresql://user:{quote('<' + password + '>', safe='')}@host/db?table={quote(rest)}")
    assert shown == f"postgresql://user:***@host/db?table={quote(rest)}"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_problem(text):
    try:
        found = read_address(f"postgresql://{text}")
    except InputError as error:
        assert {problem.key for problem in error.problems} <= {"database_address", "database_option"}  # noqa: PT017
    else:
        assert found.database


def test_without_the_extra_the_command_is_said(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    keys, said = refused(lambda: open_database("postgresql://u:secret@h/d?table=t"))
    assert keys == ["database_extra"]
    assert 'pip install "carecircle[postgis]"' in said
    assert "secret" not in said


def test_what_comes_out_does_not_depend_on_the_order_of_writing(url):
    once, twice = (open_database(url("养老机构")).frame for _ in range(2))
    pd.testing.assert_frame_equal(pd.DataFrame(once), pd.DataFrame(twice))
