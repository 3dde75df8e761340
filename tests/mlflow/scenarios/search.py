"""Search: the grammar of filters, order, pages. Every scenario looks only at models whose names begin with its own name."""

from concurrent.futures import ThreadPoolExecutor

from kit import MAJOR, refused, same, scenario


def found(world, filter_string=None, **arguments):
    """Names of the models that a filter finds, without the name of the scenario."""
    own = f"name LIKE '{world.name}%'"
    both = f"{own} AND {filter_string}" if filter_string else own
    return [model.name.removeprefix(world.name) for model in world.client.search_registered_models(both, **arguments)]


def numbers(world, filter_string=None, **arguments):
    """Numbers of the versions of the scenario's model that a filter finds."""
    own = f"name = '{world.name}'"
    both = f"{own} AND {filter_string}" if filter_string else own
    return [version.version for version in world.client.search_model_versions(both, **arguments)]


def pages(search, **arguments):
    """All pages of a search."""
    token = None
    while True:
        page = search(page_token=token, **arguments)
        yield list(page)
        token = page.token
        if not token:
            return


@scenario
def names_are_compared_whole_or_by_pattern(world):
    for suffix in ["-alpha", "-Beta", "-beta2", "-100%", "-a_b", "-axb"]:
        world.model(suffix)
    name = world.name
    same([model.name for model in world.client.search_registered_models(f"name = '{name}-alpha'")], [f"{name}-alpha"])
    same(found(world, f"name != '{name}-alpha'"), ["-100%", "-Beta", "-a_b", "-axb", "-beta2"])
    same(found(world, f"name LIKE '{name}-b%'"), ["-beta2"])
    same(found(world, f"name ILIKE '{name}-B%'"), ["-Beta", "-beta2"])
    same(found(world, f"name LIKE '{name}-a_b'"), ["-a_b", "-axb"])
    same(found(world, "name LIKE '%100%'"), ["-100%"])
    same(found(world, "name LIKE '%ALPHA'"), [])
    same(found(world, "name ILIKE '%ALPHA'"), ["-alpha"])


@scenario
def values_are_quoted_in_two_ways(world):
    world.model("-it's", tags={"said": "it's"})
    world.model('-"so"', tags={"said": '"so"'})
    same(found(world, f'name = "{world.name}-it\'s"'), ["-it's"])
    same(found(world, f"name = '{world.name}-\"so\"'"), ['-"so"'])
    same(found(world, 'tags.said = "it\'s"'), ["-it's"])
    same(found(world, "tags.said = '\"so\"'"), ['-"so"'])
    # There is no escape inside quotes.
    same(found(world, f"name = '{world.name}-it''s'"), [])


@scenario
def keys_of_tags_are_quoted_in_three_ways(world):
    world.model("-x", tags={"a b": "1", "a.b": "2", "schlüssel": "3", "a-b": "4"})
    for clause in ["tags.`a b` = '1'", "tags.\"a b\" = '1'", "tag.'a b' = '1'", "tags.a.b = '2'", "tags.`a.b` = '2'", "tags.`a-b` = '4'"]:
        same((clause, found(world, clause)), (clause, ["-x"]))
    same(found(world, "tags.schlüssel = '3'"), ["-x"])
    same(found(world, "tags.`a b` = '2'"), [])


@scenario
def search_knows_every_script(world):
    for suffix in ["-Größe", "-größe", "-模型", "-🦀"]:
        world.model(suffix, tags={"wert": suffix})
    same(found(world, "name LIKE '%模型'"), ["-模型"])
    same(found(world, "name LIKE '%🦀%'"), ["-🦀"])
    same(found(world, "tags.wert = '-Größe'"), ["-Größe"])
    same(found(world, "tags.wert LIKE '%röße'"), ["-Größe", "-größe"])


@scenario
def a_tag_must_be_there_to_differ(world):
    world.model("-red", tags={"colour": "red"})
    world.model("-blue", tags={"colour": "blue"})
    world.model("-none")
    same(found(world, "tags.colour != 'red'"), ["-blue"])
    same(found(world, "tags.colour LIKE '%e%' AND tags.colour != 'blue'"), ["-red"])
    same(found(world, "tags.colour ILIKE 'R%'"), ["-red"])
    same(found(world, "tags.colour = 'red' AND tags.colour = 'blue'"), [])
    same(found(world, "tags.Colour = 'red'"), [])


@scenario
def keywords_are_written_in_any_case(world):
    world.model("-a", tags={"k": "v"})
    same(found(world, f"tags.k = 'v' and name like '%-a' And name iLike '%-A'"), ["-a"])
    same(found(world, f"attribute.name = '{world.name}-a'"), ["-a"])
    same(found(world, "  tag.k   =    'v'  "), ["-a"])


@scenario(clients=(3,))
def names_are_found_in_lists(world):
    for suffix in ["-a", "-b", "-c", "-d'e"]:
        world.model(suffix)
    same(found(world, f"name IN ('{world.name}-a', '{world.name}-c', 'nobody')"), ["-a", "-c"])
    same(found(world, f"name NOT IN ('{world.name}-a', '{world.name}-c')"), ["-b", "-d'e"])
    same(found(world, f"name IN ('{world.name}-a')"), ["-a"])


@scenario
def names_are_ordered_by_bytes(world):
    for suffix in ["é", "alpha", "Beta", "100%", "~", "Z", "a b", "a-b", "模", "ß", "_"]:
        world.model(suffix)
    expected = sorted(["é", "alpha", "Beta", "100%", "~", "Z", "a b", "a-b", "模", "ß", "_"], key=lambda text: text.encode())
    same(found(world), expected)
    same(found(world, order_by=["name ASC"]), expected)
    same(found(world, order_by=["name DESC"]), expected[::-1])


@scenario
def models_are_ordered_by_the_time_of_the_last_change(world):
    for suffix in ["-a", "-b", "-c"]:
        world.model(suffix)
    world.client.update_registered_model(f"{world.name}-a", "changed")
    same(found(world, order_by=["last_updated_timestamp DESC"])[0], "-a")
    same(found(world, order_by=["timestamp"])[-1], "-a")
    same(sorted(found(world, order_by=["timestamp  desc", "name\tDESC"])), ["-a", "-b", "-c"])


@scenario
def a_thousand_models_are_read_in_pages(world):
    with ThreadPoolExecutor(8) as pool:
        made = sorted(pool.map(lambda number: world.model(f"-{number:04}"), range(1_005)))
    filter_string = f"name LIKE '{world.name}%'"
    for size, lengths in [(1000, [1000, 5]), (201, [201] * 5), (500, [500, 500, 5])]:
        read = list(pages(world.client.search_registered_models, filter_string=filter_string, max_results=size))
        same([len(page) for page in read], lengths)
        same([model.name for page in read for model in page], made)
    same(len(world.client.search_registered_models(filter_string)), 100)
    backwards = list(pages(world.client.search_registered_models, filter_string=filter_string, max_results=400, order_by=["name DESC"]))
    same([model.name for page in backwards for model in page], made[::-1])
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.search_registered_models(filter_string, max_results=1001))


@scenario
def pages_of_versions(world):
    world.model()
    world.versions(23)
    filter_string = f"name = '{world.name}'"
    for size, lengths in [(10, [10, 10, 3]), (23, [23]), (1, [1] * 23)]:
        read = list(pages(world.client.search_model_versions, filter_string=filter_string, max_results=size, order_by=["version_number ASC"]))
        same([len(page) for page in read], lengths)
        same([int(version.version) for page in read for version in page], list(range(1, 24)))
    # Without an order the last change comes first.
    world.client.update_model_version(world.name, 5, "changed")
    same(numbers(world, max_results=1), ["5"])
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.search_model_versions(filter_string, max_results=200_001))


@scenario
def versions_are_found_by_what_they_say(world):
    client, name, run = world.client, world.model(), "0123456789abcdef0123456789abcdef"
    client.create_model_version(name, "s3://bucket/one", run, tags={"k": "a"})
    client.create_model_version(name, "s3://bucket/two", tags={"k": "b"})
    client.create_model_version(name, "s3://bucket/three")
    order = {"order_by": ["version_number"]}
    same(numbers(world, f"run_id = '{run}'"), ["1"])
    same(numbers(world, "source_path = 's3://bucket/two'"), ["2"])
    same(numbers(world, "source_path LIKE 's3://bucket/t%'", **order), ["2", "3"])
    same(numbers(world, "version_number = 3"), ["3"])
    same(numbers(world, "version_number > 1", **order), ["2", "3"])
    same(numbers(world, "version_number >= '2' AND version_number < 3"), ["2"])
    same(numbers(world, "version_number != 2", **order), ["1", "3"])
    same(numbers(world, "tags.k = 'a'"), ["1"])
    same(numbers(world, "tags.k != 'a'"), ["2"])
    same(numbers(world, "tag.k LIKE '%'", **order), ["1", "2"])
    same([version.name for version in client.search_model_versions(f"run_id = '{run}' AND name = '{name}'")], [name])
    if MAJOR == 3:
        same(numbers(world, f"run_id IN ('{run}', 'fedcba9876543210fedcba9876543210')"), ["1"])


@scenario
def versions_are_ordered(world):
    for suffix in ["-b", "-a"]:
        world.versions(2, world.model(suffix))

    def listed(*order_by):
        search = world.client.search_model_versions(f"name LIKE '{world.name}%'", order_by=list(order_by))
        return [version.name.removeprefix(world.name) + version.version for version in search]

    same(listed("name ASC"), ["-a2", "-a1", "-b2", "-b1"])
    same(listed("name DESC", "version_number ASC"), ["-b1", "-b2", "-a1", "-a2"])
    same(listed("version_number"), ["-a1", "-b1", "-a2", "-b2"])
    same(listed("creation_timestamp"), ["-b1", "-b2", "-a1", "-a2"])


@scenario
def bad_filters_are_refused(world):
    for clause in [
        "name = x", "name == 'x'", "name <> 'x'", "name > 'x'", "name = 'x' OR name = 'y'", "NOT name = 'x'", "(name = 'x')", "name = 'x',",
        "description = 'x'", "creation_timestamp = 3", "metric.a = '1'", "NAME = 'x'", "`name` = 'x'", "tags.k > 'x'", "tags.k = 1", "name",
    ]:  # fmt: skip
        refused("INVALID_PARAMETER_VALUE", lambda clause=clause: world.client.search_registered_models(clause))
    for clause in ["version_number = 'x'", "version_number = 1.5", "current_stage = 'None'", "source = 'x'", "run_id > 'x'", "tags.k IN ('x')"]:
        refused("INVALID_PARAMETER_VALUE", lambda clause=clause: world.client.search_model_versions(clause))
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.search_registered_models("name = 'x' OR name = 'y'"), "Invalid clause(s) in filter string")


@scenario
def bad_orders_and_tokens_are_refused(world):
    for order in ["creation_timestamp", "version_number", "name sideways", "name ASC, timestamp", ""]:
        refused("INVALID_PARAMETER_VALUE", lambda order=order: world.client.search_registered_models(order_by=[order]))
    for order in ["run_id", "timestamp", "version ASC"]:
        refused("INVALID_PARAMETER_VALUE", lambda order=order: world.client.search_model_versions(order_by=[order]))
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.search_registered_models(page_token="nonsense"), "Invalid page token")
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.search_model_versions(max_results=0))


@scenario(only="chancery")
def an_order_with_the_same_field_twice_is_refused(world):
    refused("INVALID_PARAMETER_VALUE", lambda: world.client.search_registered_models(order_by=["name", "name DESC"]), "duplicate")


@scenario
def an_empty_filter_finds_everything(world):
    names = {world.model("-a"), world.model("-b")}
    for filter_string in (None, ""):
        every = {model.name for page in pages(world.client.search_registered_models, filter_string=filter_string, max_results=1000) for model in page}
        assert names <= every, names - every
