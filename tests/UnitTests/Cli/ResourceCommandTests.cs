using NUnit.Framework;

namespace Calico.UnitTests.Cli;

[TestFixture, Parallelizable]
public sealed class ResourceCommandTests
{
    private const string Pool = """
        apiVersion: projectcalico.org/v3
        kind: IPPool
        metadata:
          name: pool-1
        spec:
          cidr: 10.0.0.0/16
          natOutgoing: true

        """;

    private static readonly string[] PoolKey = ["/calico/resources/v3/projectcalico.org/ippools/pool-1"];

    [Test]
    public async Task Apply_creates_and_then_replaces()
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync(Pool, "apply", "-f", "-"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo("Successfully applied 1 'IPPool' resource(s)\n"));
        var first = cli.Store.Snapshot(PoolKey[0]).Single();

        Assert.That(await cli.RunAsync(Pool.Replace("natOutgoing: true", "natOutgoing: false", StringComparison.Ordinal), "apply", "-f",
            "-"), Is.Zero, cli.Error);
        var second = cli.Store.Snapshot(PoolKey[0]).Single();
        Assert.That(Text(second),
            Is.EqualTo(Text(first).Replace("\"natOutgoing\":true", "\"natOutgoing\":false", StringComparison.Ordinal)));
    }

    [Test]
    public async Task A_stored_resource_has_upstreams_shape()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(Text(cli.Store.Snapshot(PoolKey[0]).Single()), Does.Match(
            """^\{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":\{"name":"pool-1","uid":"[0-9a-f-]{36}","creationTimestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\},"""
            + """ "spec":\{"cidr":"10.0.0.0/16","vxlanMode":"Never","ipipMode":"Never","natOutgoing":true,"blockSize":26,"nodeSelector":"all\(\)","assignmentMode":"Automatic"\}\}$""".TrimStart()));
    }

    [Test]
    public async Task Get_prints_tables_like_upstream()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(await cli.RunAsync("", "get", "ipp"), Is.Zero, cli.Error);
        Assert.That(cli.Output, Is.EqualTo(
            "NAME     CIDR          SELECTOR   \n" +
            "pool-1   10.0.0.0/16   all()      \n\n"));

        await cli.RunAsync("", "get", "pools", "-o", "wide");
        Assert.That(cli.Output, Is.EqualTo(
            "NAME     CIDR          NAT    IPIPMODE   VXLANMODE   DISABLED   DISABLEBGPEXPORT   SELECTOR   ASSIGNMENTMODE   \n" +
            "pool-1   10.0.0.0/16   true   Never      Never       false      false              all()      Automatic        \n\n"));
    }

    [Test]
    public async Task Get_prints_a_list_as_yaml_with_sorted_keys()
    {
        var cli = new CliRun();
        cli.Store.Set("/calico/resources/v3/projectcalico.org/ipreservations/r",
            """{"kind":"IPReservation","apiVersion":"projectcalico.org/v3","metadata":{"name":"r","uid":"u","creationTimestamp":null,"labels":{"on":"yes"}},"spec":{"reservedCIDRs":["10.0.0.1","10.0.1.0/24"]}}""");

        await cli.RunAsync("", "get", "ipreservation", "-o", "yaml");

        Assert.That(cli.Output, Is.EqualTo("""
            apiVersion: projectcalico.org/v3
            items:
            - apiVersion: projectcalico.org/v3
              kind: IPReservation
              metadata:
                creationTimestamp: null
                labels:
                  "on": "yes"
                name: r
                resourceVersion: "REV"
                uid: u
              spec:
                reservedCIDRs:
                - 10.0.0.1
                - 10.0.1.0/24
            kind: IPReservationList
            metadata:
              resourceVersion: "REV"

            """.Replace("REV", $"{cli.Store.Revision}", StringComparison.Ordinal)));
    }

    [Test]
    public async Task What_get_prints_can_be_applied_again([Values("yaml", "json")] string form)
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");
        await cli.RunAsync("", "get", "ippool", "pool-1", "-o", form);

        Assert.That(await cli.RunAsync(cli.Output, "apply", "-f", "-"), Is.Zero, cli.Error);
    }

    [Test]
    public async Task A_missing_resource_is_an_error_and_the_others_are_printed()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(await cli.RunAsync("", "get", "ippool", "none", "pool-1"), Is.EqualTo(1));
        Assert.That(cli.Output, Does.Contain("pool-1"));
        Assert.That(cli.Error, Is.EqualTo("resource does not exist: IPPool(none)\n"));
    }

    [Test]
    public async Task Create_twice_fails_and_names_the_resource()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(await cli.RunAsync(Pool, "create", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("failed to create 'IPPool' resource: [resource already exists: IPPool(pool-1)]\n"));
        Assert.That(await cli.RunAsync(Pool, "create", "--skip-exists", "-f", "-"), Is.Zero, cli.Error);
    }

    [Test]
    public async Task Pools_must_not_overlap()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(await cli.RunAsync(Pool.Replace("pool-1", "pool-2", StringComparison.Ordinal)
            .Replace("/16", "/24", StringComparison.Ordinal),
            "create", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("IPPool(pool-2) CIDR overlaps with IPPool(pool-1) CIDR 10.0.0.0/16"));
    }

    [Test]
    public async Task A_stale_version_is_a_conflict()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");
        await cli.RunAsync("", "get", "ippool", "pool-1", "-o", "yaml");
        var read = cli.Output;
        await cli.RunAsync("", "label", "ippool", "pool-1", "a=b");
        Assert.That(cli.Output, Is.EqualTo("Successfully set label a on IPPool pool-1\n"));

        Assert.That(await cli.RunAsync(read, "replace", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("failed to replace 'IPPool' resource: [update conflict: IPPool(pool-1)]\n"));
    }

    [Test]
    public async Task Misspelt_fields_and_kinds_are_refused_with_a_hint()
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync(Pool.Replace("natOutgoing", "natoutgoing", StringComparison.Ordinal), "apply", "-f", "-"),
            Is.EqualTo(1));
        Assert.That(cli.Error,
            Is.EqualTo("stdin:7 spec.natoutgoing: field in document is not recognized or is in the wrong location: natoutgoing\nDid you "
                + "mean 'natOutgoing'?\n"));

        Assert.That(await cli.RunAsync(Pool.Replace("IPPool", "IPPol", StringComparison.Ordinal), "apply", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error,
            Is.EqualTo("stdin:2 kind: unknown resource type (IPPol) and/or version (projectcalico.org/v3)\nDid you mean 'IPPool'?\n"));

        Assert.That(await cli.RunAsync("", "get", "ipool"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("resource type 'ipool' is not supported\nDid you mean 'ippool'?\n"));
    }

    [Test]
    public async Task Some_of_several_failing_is_partial_success()
    {
        var cli = new CliRun();
        var second = Pool.Replace("pool-1", "pool-2", StringComparison.Ordinal)
            .Replace("10.0.0.0/16", "10.0.0.0/8", StringComparison.Ordinal);

        Assert.That(await cli.RunAsync(Pool + "---\n" + second, "apply", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Output, Is.EqualTo("Partial success: applied 1 out of 2 'IPPool' resources\n"));
        Assert.That(cli.Error, Does.StartWith(
            "failed to apply 1 of 2 'IPPool' resources:\n  IPPool(pool-2): error with field IPPool.Spec.CIDR = '10.0.0.0/8'"));
    }

    [Test]
    public async Task Namespaces_are_resolved_and_shown()
    {
        var cli = new CliRun();
        const string Set = "apiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: s}\nspec: {nets: [10.0.0.0/8]}\n";

        await cli.RunAsync(Set, "apply", "-n", "blue", "-f", "-");
        await cli.RunAsync("", "get", "netsets", "-A");
        Assert.That(cli.Output, Is.EqualTo("NAMESPACE   NAME   \nblue        s      \n\n"));

        Assert.That(await cli.RunAsync("", "get", "netset", "s"), Is.EqualTo(1));
        Assert.That(await cli.RunAsync("", "get", "netsets", "-A", "-n", "blue"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("cannot use both --namespace and --all-namespaces flags at the same time\n"));
        Assert.That(await cli.RunAsync(Pool, "apply", "-n", "blue", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("failed to apply 'IPPool' resource: [IPPool is not namespaced]\n"));
    }

    [Test]
    public async Task The_default_profile_is_always_there_and_stays()
    {
        var cli = new CliRun();

        await cli.RunAsync("", "get", "profiles");
        Assert.That(cli.Output, Does.Contain("projectcalico-default-allow"));
        Assert.That(await cli.RunAsync("", "delete", "profile", "projectcalico-default-allow"), Is.EqualTo(1));
        Assert.That(cli.Store.Snapshot("/calico/resources/v3/projectcalico.org/profiles/"), Is.Empty);
    }

    [Test]
    public async Task Cluster_information_is_read_only_for_users()
    {
        var cli = new CliRun();
        const string Manifest =
            "apiVersion: projectcalico.org/v3\nkind: ClusterInformation\nmetadata: {name: default}\nspec: {clusterType: x}\n";

        Assert.That(await cli.RunAsync(Manifest, "apply", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("failed to apply 'ClusterInformation' resource: "
            + "[operation create or apply is not supported on ClusterInformation: resource is readonly]\n"));
    }

    [Test]
    public async Task Delete_goes_on_after_a_failure()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(await cli.RunAsync("", "delete", "ippool", "none", "pool-1"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("Failed to delete 'IPPool' resource: resource does not exist: IPPool(none)\n"));
        Assert.That(cli.Output, Is.EqualTo("Successfully deleted 1 'IPPool' resource(s)\n"));
        Assert.That(cli.Store.Snapshot(PoolKey[0]), Is.Empty);
        Assert.That(await cli.RunAsync("", "delete", "ippool", "none", "--skip-not-exists"), Is.Zero);
    }

    [Test]
    public async Task Patch_merges_maps_and_refuses_unknown_fields()
    {
        var cli = new CliRun();
        await cli.RunAsync(Pool, "create", "-f", "-");

        Assert.That(await cli.RunAsync("", "patch", "ippool", "pool-1", "-p", """{"spec":{"natOutgoing":null,"disabled":true}}"""), Is.Zero,
            cli.Error);
        Assert.That(cli.Output, Is.EqualTo("Successfully patched 1 'IPPool' resource\n"));
        Assert.That(Text(cli.Store.Snapshot(PoolKey[0]).Single()), Does.Contain("\"disabled\":true").And.Not.Contain("natOutgoing"));
        Assert.That(await cli.RunAsync("", "patch", "ippool", "pool-1", "-p", """{"spec":{"nonsense":1}}"""), Is.EqualTo(1));
        Assert.That(await cli.RunAsync("", "patch", "ippool", "pool-1", "-p", """{"spec":{"blockSize":27}}"""), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("IPPool BlockSize cannot be modified"));
    }

    [Test]
    public async Task Validate_needs_no_store_and_says_everything()
    {
        var cli = new CliRun();

        Assert.That(await cli.RunAsync(Pool.Replace("10.0.0.0/16", "fd00::/48", StringComparison.Ordinal)
            + "  ipipMode: Always\n  blockSize: 64\n",
            "validate", "-f", "-"), Is.EqualTo(1));
        Assert.That(cli.Error, Does.Contain("stdin:8 spec.ipipMode: ").And.Contain("IPIP is not supported on IPv6 pools")
            .And.Contain("block size must be between 116 and 128"));
        Assert.That(cli.Settings, Is.Null);
    }

    [Test]
    public async Task Store_settings_come_from_upstreams_variables()
    {
        var cli = new CliRun();
        await cli.RunAsync("", "get", "nodes");
        Assert.That(cli.Settings!.Etcd.Endpoints, Is.EqualTo(new[] { "unix:///run/calico/store.sock" }));

        cli.Environment["ETCD_ENDPOINTS"] = "http://a:1, http://b:2";
        cli.Environment["CALICO_ETCD_USERNAME"] = "u";
        cli.Environment["ETCD_PASSWORD"] = "s3cret";
        await cli.RunAsync("", "get", "nodes");
        Assert.That(cli.Settings.Etcd.Endpoints, Is.EqualTo(new[] { "http://a:1", "http://b:2" }));
        Assert.That(cli.Settings.ToString(), Does.Not.Contain("s3cret"));

        cli.Environment["DATASTORE_TYPE"] = "kubernetes";
        Assert.That(await cli.RunAsync("", "get", "nodes"), Is.EqualTo(1));
        Assert.That(await cli.RunAsync("", "get", "nodes", "--config", "/nonexistent"), Is.EqualTo(1));
        Assert.That(cli.Error, Is.EqualTo("Error reading config file: /nonexistent\n"));
    }

    private static string Text(Calico.Datastore.Store.KeyValue item) => System.Text.Encoding.UTF8.GetString(item.Value.Span);
}
